"""Contract rows of the family `mixture`: whether an account's hours are of one kind or of several.

Ratios are 0 where hours are alike, 1 where each is of one kind, and below 0 where they are more mixed than chance.
"""

from features.catalogue.feature import Signal, rows

_PAIRS = "Sums of hour rollups: pairs of requests of one hour against pairs of different hours"

_TEXTS = Signal(
    code="hours_of_different_texts",
    name="hours of different texts",
    disclosure="A proxy network mixed campaign traffic with unrelated customers' requests: one account, two "
    "kinds of traffic.",
    cost=_PAIRS,
    evasion="Interleave both kinds evenly within each hour. Costs a schedule that ties the campaign's pace "
    "to the cover's.",
    needs=("text",),
)
_SHAPES = Signal(
    code="hours_of_different_shapes",
    name="hours of different lengths and turns",
    disclosure="A proxy network mixed campaign traffic with unrelated customers' requests: one account, two "
    "kinds of traffic.",
    cost=_PAIRS,
    evasion="Interleave both kinds evenly within each hour. Costs a schedule that ties the campaign's pace "
    "to the cover's.",
)

FEATURES = (
    *rows(_TEXTS, "28d", [
        ("topics_apart", "cosine", "Mean cosine of the topics of two requests of one hour, less that of two hours",
         "likeness of topics within an hour less that between hours: {:+.2f}"),
        ("asked_apart", "ratio", "One less the difference in what is asked for (flags) within an hour over that "
         "between hours", "likeness of what is asked for within an hour over that between hours: {:+.2f}"),
    ]),
    *rows(_SHAPES, "28d", [
        ("inputs_apart", "ratio", "One less the variance of log2(1 + input tokens) within an hour over that between "
         "hours", "likeness of input lengths within an hour over that between hours: {:+.2f}"),
        ("outputs_apart", "ratio", "One less the variance of log2(1 + output tokens) within an hour over that between "
         "hours", "likeness of answers' lengths within an hour over that between hours: {:+.2f}"),
        ("turns_apart", "ratio", "One less the difference in being the first turn within an hour over that between "
         "hours", "likeness of turns within an hour over that between hours: {:+.2f}"),
    ]),
)  # fmt: skip
