"""Contract rows of the family `sharing`: keys that other accounts show too."""

from features.catalogue.feature import Feature, Signal, rows

SHARED: dict[str, str] = {
    "prefix": "beginning",
    "suffix": "ending",
    "skeleton": "frame of the prompt",
    "band": "near-equal opening",
    "system": "system prompt",
    "exact": "whole prompt",
    "address": "address",
    "subnet": "subnet",
    "client": "client fingerprint",
    "asn": "network",
}
"""Kinds of keys whose accounts are counted, in an analyst's words."""

TEXTS = ("prefix", "suffix", "skeleton", "band", "system", "exact")
_WITH_SHARE = ("prefix", "suffix", "skeleton", "band", "exact", "address", "subnet")
_WITH_AGE = ("suffix", "skeleton", "band", "system", "subnet", "client", "asn")

_TEXT = Signal(
    code="shared_texts",
    name="texts of other accounts",
    disclosure="One template over hundreds of accounts.",
    cost="Accounts of each key, once for all accounts",
    evasion="A template of its own for each account. Costs labour, and evenness of the data.",
    needs=("text",),
)
_WAYS = Signal(
    code="shared_ways_in",
    name="ways in of other accounts",
    disclosure="Proxy pools carry many accounts at once (`hydra-2026-06`).",
    cost="Accounts of each key, once for all accounts",
    evasion="Addresses and clients that nobody shares. Costs a proxy's rent for each account.",
    needs=("infrastructure",),
)
_KINDS = Signal(
    code="shared_kinds",
    name="several kinds of sharing",
    disclosure="Members of a campaign share payment, prompts and addresses at once (`reasoning-2026-02`).",
    cost="Accounts of each key, once for all accounts",
    evasion="Share nothing of any kind. Costs all that the single kinds cost.",
    needs=("text", "infrastructure"),
)


def _signal(kind: str) -> Signal:
    return _TEXT if kind in TEXTS else _WAYS


def _of(kind: str, words: str) -> tuple[Feature, ...]:
    shared, share, young = rows(_signal(kind), "28d", [
        (f"shared_{kind}", "octaves", f"Mean over requests of log2 of the accounts that show the same {words}",
         f"a {words} of its requests is shown by {{plain:,.1f}} accounts on average"),
        (f"shared_{kind}_share", "share", f"Requests whose {words} other accounts show too",
         f"{{:.0%}} of requests have a {words} seen in other accounts"),
        (f"young_{kind}", "share", f"Mean share of accounts younger than 28 days among those with the same {words}",
         f"{{:.0%}} of the accounts with the same {words} are new"),
    ])  # fmt: skip
    return (shared, *[share] * (kind in _WITH_SHARE), *[young] * (kind in _WITH_AGE))


FEATURES = tuple(row for kind, words in SHARED.items() for row in _of(kind, words)) + rows(
    _KINDS, "28d",
    [("shared_kinds", "kinds", "Kinds of keys shared with at least one other account", "{:.0f} kinds of shared keys")],
)  # fmt: skip
