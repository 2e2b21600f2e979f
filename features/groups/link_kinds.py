"""The kinds of keys that tie accounts, and how much each weighs.

The weights were chosen on four simulated worlds (CHANGELOG.md). What texts have in common weighs more than networks and
instruments: customers share these honestly, through providers of virtual networks, firms and families.
"""

from dataclasses import dataclass

from features.schemas import KEY_KINDS

SIGNUP_TIME = "signup_time"  # when an account registered, as `features.groups.bursts` counts it
PIVOT = "pivot"  # in which hours after a release an account first used the new model


@dataclass(frozen=True, slots=True)
class LinkKind:
    """A kind of key that ties accounts.

    Attributes:
        name: of `KEY_KINDS`, a column of `AccountRows`, `SIGNUP_TIME` or `PIVOT`.
        words: what analysts call keys of this kind.
        evidence: kinds with the same word are not independent of one another.
        weight: against other kinds, for the same share of an account's traffic.
        supports: it proves nothing where nothing else ties the accounts; chance and fashion give it to many.
    """

    name: str
    words: str
    evidence: str
    weight: float
    supports: bool = False

    @property
    def of_traffic(self) -> bool:
        """Is the key shown by requests, rather than at registration?"""
        return self.name in KEY_KINDS


LINK_KINDS: tuple[LinkKind, ...] = (
    LinkKind(name="prefix", words="openings of prompts", evidence="template", weight=1.0),
    LinkKind(name="suffix", words="endings of prompts", evidence="template", weight=1.0),
    LinkKind(name="skeleton", words="frames of prompts", evidence="template", weight=0.5),
    LinkKind(name="band", words="near-equal openings", evidence="template", weight=0.5),
    LinkKind(name="exact", words="whole prompts", evidence="template", weight=1.0),
    LinkKind(name="simhash", words="near-equal prompts", evidence="template", weight=1.0),
    LinkKind(name="system", words="system prompts", evidence="template", weight=1.0),
    LinkKind(name="address", words="addresses", evidence="network", weight=0.3),
    LinkKind(name="subnet", words="subnets", evidence="network", weight=0.15),
    LinkKind(name="payment", words="payment instruments", evidence="payment", weight=0.3),
    LinkKind(name="signup_address", words="sign-up addresses", evidence="network", weight=0.15),
    LinkKind(name="signup_subnet", words="sign-up subnets", evidence="network", weight=0.075),
    LinkKind(name="mail_domain", words="mail domains", evidence="registration", weight=0.075),
    LinkKind(name="client", words="clients", evidence="client", weight=0.25, supports=True),
    LinkKind(name=SIGNUP_TIME, words="hours of registration", evidence="registration", weight=0.1, supports=True),
    LinkKind(name=PIVOT, words="hours of moving to a new model", evidence="release", weight=0.1, supports=True),
)
