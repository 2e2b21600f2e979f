"""Contract rows of the family `sessions`: how an account comes and goes, and how it comes back."""

from features.catalogue.feature import ONE_MORE, Signal, rows

_SESSIONS = Signal(
    code="sessions",
    name="sessions",
    disclosure="A program asks until it is done; people come and go.",
    cost="Bits of minutes in hour rollups: runs that are less than 30 minutes apart",
    evasion="Draw sessions from people's. Costs throughput of each account.",
)
_CLOCK = Signal(
    code="by_the_clock",
    name="by the clock",
    disclosure="Synchronised traffic, identical patterns (`reasoning-2026-02`).",
    cost="Counts of five-minute slots in hour rollups, and the hour a day before",
    evasion="Start at random times. Costs nothing but the plan to do so.",
)
_NEW = Signal(
    code="at_its_most_from_the_start",
    name="at its most from the start",
    disclosure="Accounts made for one purpose are used to the full at once, and evenly (`hydra-2026-06`, "
    "`pools-2026-07`).",
    cost="Sums of hour rollups since the first",
    evasion="Let accounts grow slowly. Costs weeks of waiting.",
)
_BELOW = Signal(
    code="just_below_the_limits",
    name="just below the limits",
    disclosure="Accounts are run just below what they are allowed, and never over it (`pools-2026-07`).",
    cost="Sums of hour rollups against the busiest hour and day",
    evasion="Let volume fluctuate as people's does. Costs throughput, or more accounts.",
)

FEATURES = (
    *rows(_SESSIONS, "28d", [
        ("sessions_per_day", "per day", "Sessions per active day", "{:.1f} sessions a day"),
        ("session_minutes", ONE_MORE, "Mean of log2(1 + minutes) of a session", "sessions of {plain:,.0f} minutes"),
        ("longest_session", ONE_MORE, "log2(1 + minutes) of the longest session",
         "one session of {plain:,.0f} minutes"),
        ("session_requests", "octaves", "Requests per session, log2", "{plain:,.0f} requests in a session"),
        ("brief_sessions", "share", "Sessions of one minute", "{:.0%} of sessions last a minute"),
    ]),
    *rows(_CLOCK, "28d", [
        ("clock_focus", "ratio", "Pairs of requests in the same five minutes of the hour, over chance",
         "requests fall in the same minutes of the hour {:.1f} times as often as by chance"),
        ("same_hour_share", "share", "Requests in hours that were active the day before too, after the first day",
         "{:.0%} of requests come at hours that were active the day before"),
    ]),
    *rows(_NEW, "28d", [
        ("first_day_share", "share", "Requests in the first 24 hours of an account that began within 28 days",
         "{:.0%} of requests came in its first 24 hours"),
        ("hours_to_half_peak", ONE_MORE, "log2(1 + hours) from the first to half of the busiest hour's volume, "
         "of an account that began within 28 days", "at half of its peak after {plain:,.0f} hours"),
        ("near_peak_days", "share", "Active days with 80 % or more of the busiest day's requests",
         "{:.0%} of active days are near its maximum"),
        ("throttled_at_peak", "share", "Requests answered 429 in hours with half or more of the busiest hour's",
         "{:.1%} of requests in busy hours ran into the rate limit"),
    ]),
    *rows(_BELOW, "28d", [
        ("near_peak_hours", "share", "Active hours with 90 % or more of the busiest hour's requests",
         "{:.0%} of active hours are as busy as its busiest"),
        ("below_limit_days", "share", "Active days with 80 % or more of the busiest day's requests and no answer 429",
         "{:.0%} of active days are near its maximum and never over the rate limit"),
    ]),
)  # fmt: skip
