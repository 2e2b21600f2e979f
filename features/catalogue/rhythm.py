"""Contract rows of the family `rhythm`: when an account asks."""

from features.catalogue.feature import Signal, rows

_SLEEP = Signal(
    code="no_sleep",
    name="no sleep",
    disclosure="Pools work round the clock, whoever is awake (`pools-2026-07`).",
    cost="Hours with a request",
    evasion="Keep office hours. Costs two thirds of an account's time, so three times the accounts.",
)
_RAMP = Signal(
    code="ramp_up",
    name="steadiness and ramp-up",
    disclosure="New accounts go to their most at once, and load is spread evenly over days (`reasoning-2026-02`).",
    cost="Sums of hour rollups by day",
    evasion="Age accounts and let them fluctuate. Costs weeks of waiting, or idle accounts.",
)
_PACING = Signal(
    code="machine_pacing",
    name="machine pacing",
    disclosure="Requests come at a machine's pace: evenly, or in synchronised bursts (`reasoning-2026-02`).",
    cost="Bits of minutes and counts of five-minute slots in hour rollups",
    evasion="Draw gaps from people's. Costs throughput of each account.",
)
_WEEK = Signal(
    code="week_hours",
    name="the hours of the week",
    disclosure="Traffic of a pool is spread over the week by a scheduler, and not by anyone's life "
    "(`reasoning-2026-02`).",
    cost="Sums of hour rollups by hour of the week",
    evasion="Follow a person's timetable. Costs the hours that person is away.",
)
_PROBES = Signal(
    code="fixed_probes",
    name="probes at fixed intervals",
    disclosure="Expected, not disclosed: a look at fixed intervals whether the answers are still the model's.",
    cost="Bits of minutes in hour rollups: minutes without others around them",
    evasion="Probe at random times, or among other requests. Costs nothing but the plan to do so.",
)

FEATURES = (
    *rows(_SLEEP, "7d", [
        ("active_hours", "share", "Hours with a request", "active in {:.0%} of the hours of 7 days"),
        ("longest_idle", "hours", "Longest run of hours without a request", "never idle for more than {:.0f} hours"),
    ]),
    *rows(_SLEEP, "28d", [
        ("hour_entropy", "bits", "Entropy of the hour of day", "spread over the hours of the day with {:.1f} bits"),
        ("night_share", "share", "Requests in the eight quietest consecutive hours of the account's day",
         "{:.0%} of requests in its quietest eight hours"),
        ("weekend_share", "share", "Requests on Saturday and Sunday", "{:.0%} of requests on weekends"),
    ]),
    *rows(_RAMP, "28d", [
        ("active_days", "days", "Days with a request", "active on {:.0f} days"),
        ("daily_variation", "ratio", "Standard deviation over mean of the active days' requests",
         "daily volume varies by a factor of only {:.2f} of its mean"),
        ("peak_day_share", "share", "Requests of the busiest day", "{:.0%} of requests fell on one day"),
        ("days_to_half_peak", "days", "Days from the first request to half of the busiest day's volume",
         "reached half of its peak after {:.0f} days"),
    ]),
    *rows(_PACING, "28d", [
        ("gap_median", "octaves", "Median of log2 gaps between minutes with a request, in minutes",
         "a typical gap of {plain:,.0f} minutes between requests"),
        ("gap_spread", "octaves", "Standard deviation of log2 gaps", "gaps vary by a factor of {plain:.1f}"),
        ("gap_variation", "ratio", "Standard deviation over mean of the gaps shorter than six hours",
         "gaps vary by {:.2f} of their mean"),
        ("top_gap_share", "share", "Share of the commonest gap of two minutes or more",
         "{:.0%} of gaps have the same length"),
        ("adjacent_share", "share", "Share of gaps of one minute", "{:.0%} of gaps last a minute"),
        ("burstiness", "ratio", "Variance over mean of requests in five-minute slots of active hours",
         "five-minute counts vary {:.1f} times as much as chance"),
    ]),
    *rows(_WEEK, "28d", [
        ("week_entropy", "bits", "Entropy of the hour of the week",
         "spread over the hours of the week with {:.1f} bits"),
        ("week_likeness", "ratio", "Cosine of the counts by hour of the week of the last 7 days and of the days before",
         "the last week's timetable is {:.0%} like those before"),
    ]),
    *rows(_PROBES, "28d", [
        ("probe_interval", "share", "Commonest interval, to a minute, between minutes that stand 10 minutes alone",
         "{:.0%} of lone requests come at one fixed interval"),
    ]),
)  # fmt: skip
