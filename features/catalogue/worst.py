"""Contract rows of the family `worst`: the worst day and the busiest hour."""

from features.catalogue.feature import ONE_MORE, Signal, rows

_DAYS = "Sums of hour rollups by day; each day is given five requests at the account's own mean"

_ASKED = Signal(
    code="worst_day_texts",
    name="the worst day's texts",
    disclosure="One proxy network mixed campaign traffic with unrelated customers' requests: a mean over weeks "
    "hides a day.",
    cost=_DAYS,
    evasion="Spread the campaign's requests evenly over all days. Costs burst speed, or more accounts.",
    needs=("text",),
)
_DAY = Signal(
    code="worst_day_requests",
    name="the worst day's requests",
    disclosure="Accounts of a second pool sent 857 requests a day at the peak (`pools-2026-07`).",
    cost=_DAYS,
    evasion="Spread the campaign's requests evenly over all days. Costs burst speed, or more accounts.",
)

FEATURES = (
    *rows(_ASKED, "28d", [
        ("worst_asked", "share", "Requests of the worst day that ask for one of: reasoning step by step, the reasoning "
         "behind an answer, a grade, new tasks, a rewrite, lifted rules, cleaned traces",
         "on its worst day {:.0%} of requests ask for the same"),
        ("worst_schema", "share", "Requests of the worst day that fix the output format",
         "on its worst day {:.0%} of requests fix the output format"),
    ]),
    *rows(_DAY, "28d", [
        ("worst_first_turn", "share", "Requests of the worst day that open a conversation",
         "on its worst day {:.0%} of requests are single turns"),
        ("worst_throttled", "share", "Requests of the worst day answered 429",
         "on its worst day {:.1%} of requests ran into the rate limit"),
        ("worst_answer", ONE_MORE, "Mean of log2(1 + output tokens) on the day of the longest answers",
         "answers of about {plain:,.0f} tokens on its day of the longest"),
        ("busiest_hour", "octaves", "log2 of the busiest hour's requests", "{plain:,.0f} requests in one hour"),
        ("busiest_hour_share", "share", "Other requests that fall in the busiest hour of one of them",
         "{:.0%} of requests fell in one hour"),
        ("most_hours", "hours", "Most hours with a request on one day", "active in {:.0f} hours of one day"),
        ("most_output", ONE_MORE, "log2(1 + output tokens) of the day with the most",
         "{plain:,.0f} output tokens in one day"),
    ]),
)  # fmt: skip
