"""Contract rows of the family `coordination`: do the accounts that show the same keys act as one?"""

from features.catalogue.feature import Feature, Signal, rows
from features.catalogue.sharing import SHARED, TEXTS

ACTING = ("prefix", "suffix", "skeleton", "band", "system", "subnet", "client", "asn")
"""Kinds of keys whose accounts are looked at."""

_WITH_LOAD = ("prefix", "suffix", "skeleton", "band", "system", "asn")
_EVEN_COST = "Sums over the accounts of each key, once for all accounts"

_EVEN_TEXT = Signal(
    code="even_load_over_texts",
    name="load spread over accounts with the same texts",
    disclosure='Traffic was spread evenly over accounts: "load balancing" (`reasoning-2026-02`).',
    cost=_EVEN_COST,
    evasion="Draw each account's share at random. Costs nothing but idle accounts.",
    needs=("text",),
)
_EVEN_WAY = Signal(
    code="even_load_over_ways_in",
    name="load spread over accounts with the same ways in",
    disclosure='Traffic was spread evenly over accounts: "load balancing" (`reasoning-2026-02`).',
    cost=_EVEN_COST,
    evasion="Draw each account's share at random. Costs nothing but idle accounts.",
    needs=("infrastructure",),
)
_BORN_TEXT = Signal(
    code="same_texts_registered_together",
    name="accounts with the same texts registered together",
    disclosure="Pools are filled, and refilled after a ban, within days (`pools-2026-07`).",
    cost=_EVEN_COST,
    evasion="Register accounts over months before use. Costs the wait, and accounts found meanwhile.",
    needs=("text",),
)
_BORN_WAY = Signal(
    code="same_ways_in_registered_together",
    name="accounts with the same ways in registered together",
    disclosure="Pools are filled, and refilled after a ban, within days (`pools-2026-07`).",
    cost=_EVEN_COST,
    evasion="Register accounts over months before use. Costs the wait, and accounts found meanwhile.",
    needs=("infrastructure",),
)


def _of(kind: str, words: str) -> tuple[Feature, ...]:
    even = rows(_EVEN_TEXT if kind in TEXTS else _EVEN_WAY, "28d", [
        (f"even_{kind}", "share", f"Effective number of accounts over the number that show the same {words}, mean "
         "over requests whose key three or more accounts show",
         f"requests with its {words} are spread over {{:.0%}} as many accounts as could be"),
    ])  # fmt: skip
    born = rows(_BORN_TEXT if kind in TEXTS else _BORN_WAY, "28d", [
        (f"born_{kind}", "octaves", "Spread of all registrations over that of the accounts that show the same "
         f"{words}, mean over requests whose key others show, log2",
         f"accounts with its {words} registered {{plain:.3g}} times closer together"),
    ])  # fmt: skip
    return (*even, *born) if kind in _WITH_LOAD else born


FEATURES = tuple(row for kind in ACTING for row in _of(kind, SHARED[kind]))
