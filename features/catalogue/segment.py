"""Contract rows of the family `segment`: an account's distribution of keys against that of its plan."""

from features.catalogue.feature import Feature, Signal, rows

USUAL: dict[str, tuple[str, ...]] = {
    "shape": (),
    "cell": ("text",),
    "capability": ("text",),
    "asn": ("infrastructure",),
}
"""Kinds of keys whose distribution is compared, and what they need."""

_WORDS = {
    "shape": "shape: octaves of tokens, turns, tools",
    "cell": "topic cell",
    "capability": "capability asked for",
    "asn": "autonomous system",
}
_NAMES = {"shape": "shapes of requests", "cell": "topics", "capability": "capabilities", "asn": "networks"}
_CODES = {"shape": "shapes", "cell": "topics", "capability": "capabilities", "asn": "networks"}
_ASKED = (
    "Campaigns ask for what they train: coding, agents, reasoning, grading, at lengths that suit a data set.",
    "Mix in what others of the plan ask for. Costs its tokens: half of the traffic halves the distance.",
)
_WAYS = (
    "Proxy pools come by way of networks that ordinary customers of a plan do not use (`hydra-2026-06`).",
    "Rent addresses in the networks of homes. Costs a dearer proxy for each account.",
)


def _signal(kind: str) -> Signal:
    disclosure, evasion = _WAYS if kind == "asn" else _ASKED
    cost = "Counts of keys, and their sums over all accounts of a plan"
    return Signal(
        code=f"unusual_{_CODES[kind]}",
        name=f"unusual {_NAMES[kind]}",
        disclosure=disclosure,
        cost=cost,
        evasion=evasion,
        needs=USUAL[kind],
    )


def _of(kind: str) -> tuple[Feature, ...]:
    words, name = _WORDS[kind], _NAMES[kind]
    measures = 2 if kind == "asn" else 4  # distance and focus of networks earned nothing
    return rows(_signal(kind), "28d", [
        (f"{kind}_surprise", "bits", f"Mean of -log2 of the frequency in the plan ({words})",
         f"{name} that are rare on its plan ({{:.1f}} bits)"),
        (f"{kind}_rare", "share", f"Requests among the rarest 5 % of the plan's ({words})",
         f"{{:.0%}} of requests are among the rarest 5 % of its plan's {name}"),
        (f"{kind}_distance", "squared", f"Unbiased squared distance of the distributions of account and plan ({words})",
         f"{name} distributed unlike its plan's (squared distance {{:.2f}})"),
        (f"{kind}_focus", "share", f"Pairs of requests that agree ({words})",
         f"{{:.0%}} of pairs of requests agree in {name}"),
    ][:measures])  # fmt: skip


FEATURES = tuple(row for kind in USUAL for row in _of(kind)) + rows(_signal("cell"), "28d", [
    ("topic_mmd", "squared", "Unbiased squared maximum mean discrepancy of the topics of account and plan, of four "
     "Gaussian kernels about the median distance of topic cells, by random Fourier features",
     "squared discrepancy of its topics from its plan's: {:.3f}"),
])  # fmt: skip
