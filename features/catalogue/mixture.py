"""Contract rows of the family `mixture`: two kinds of traffic in one account."""

from features.catalogue.feature import Signal, rows

_HOURS = "Sums over hour rollups of products of counts"
_COVER = "One proxy network mixed campaign traffic with unrelated customers' requests."
_EVASION = "Mix both kinds evenly within each hour. Costs a schedule that follows the cover's, so throughput."

_TEXTS = Signal("two kinds of texts", _COVER, _HOURS, _EVASION, needs=("text",))
_SETTINGS = Signal("two kinds of requests", _COVER, _HOURS, _EVASION)


def _row(name: str, what: str) -> tuple[str, str, str, str]:
    meaning = f"Correlation of two requests of the same hour: {what}"
    return f"{name}_mixture", "correlation", meaning, f"hours differ in kind by {{:.2f}} (0 chance, 1 wholly): {what}"


FEATURES = (
    *rows("mixture", _SETTINGS, "28d", [
        _row("first_turns", "opening a conversation"),
        _row("with_tools", "offering tools"),
        _row("streamed", "being streamed"),
        _row("input", "log2 of input tokens"),
        _row("output", "log2 of output tokens"),
    ]),
    *rows("mixture", _TEXTS, "28d", [
        _row("with_system", "carrying a system prompt"),
        _row("schema", "fixing the output format"),
        _row("code", "holding code"),
        _row("generate", "asking for new tasks"),
    ]),
)  # fmt: skip
