"""Contract rows of the family `mixture`: whether an account's hours are of one kind or of several."""

from features.catalogue.feature import Signal, rows

_PAIRS = "Sums of hour rollups: pairs of requests of one hour against pairs of different hours"

_TEXTS = Signal(
    "hours of different texts",
    "A proxy network mixed campaign traffic with unrelated customers' requests: one account, two kinds of traffic.",
    _PAIRS,
    "Interleave both kinds evenly within each hour. Costs a schedule that ties the campaign's pace to the cover's.",
    needs=("text",),
)
_SHAPES = Signal(
    "hours of different lengths and turns",
    "A proxy network mixed campaign traffic with unrelated customers' requests: one account, two kinds of traffic.",
    _PAIRS,
    "Interleave both kinds evenly within each hour. Costs a schedule that ties the campaign's pace to the cover's.",
)

FEATURES = (
    *rows("mixture", _TEXTS, "28d", [
        ("topics_apart", "cosine", "Mean cosine of the topics of two requests of one hour, less that of two hours",
         "topics are by {:.2f} (cosine) more alike within an hour than between hours"),
        ("asked_apart", "correlation", "Less difference in what is asked for (flags) within an hour than between hours",
         "what is asked for differs {:.0%} less within an hour than between hours"),
    ]),
    *rows("mixture", _SHAPES, "28d", [
        ("inputs_apart", "correlation", "Less variance of log2(1 + input tokens) within an hour than between hours",
         "input lengths vary {:.0%} less within an hour than between hours"),
        ("outputs_apart", "correlation", "Less variance of log2(1 + output tokens) within an hour than between hours",
         "answers' lengths vary {:.0%} less within an hour than between hours"),
        ("turns_apart", "correlation", "Less difference in being the first turn within an hour than between hours",
         "opening a conversation or going on varies {:.0%} less within an hour than between hours"),
    ]),
)  # fmt: skip
