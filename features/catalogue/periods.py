"""Contract rows of the family `periods`: what comes back after a fixed number of hours."""

from features.catalogue.feature import Signal, rows

_PERIODS = Signal(
    code="periods",
    name="periods of hours",
    disclosure="Synchronised traffic, identical patterns (`reasoning-2026-02`): jobs start every so many hours.",
    cost="Autocorrelation of the hour rollups' requests",
    evasion="Start at random hours. Costs nothing but the plan to do so.",
)
_LIFE = Signal(
    code="day_and_week_of_its_own",
    name="a day and a week of its own",
    disclosure="Load that is spread evenly over accounts has no day and no week, people's has both "
    "(`reasoning-2026-02`).",
    cost="Autocorrelation of the hour rollups' requests",
    evasion="Follow a person's days and weeks. Costs the hours that person is away.",
)

FEATURES = (
    *rows(_PERIODS, "28d", [
        ("period_strength", "correlation", "Highest peak of the autocorrelation of hourly requests at 2 to 23 hours",
         "requests come back every few hours with a correlation of {:.2f}"),
        ("period_hours", "hours", "Where that peak lies", "requests come back every {:.0f} hours"),
    ]),
    *rows(_LIFE, "28d", [
        ("day_correlation", "correlation", "Autocorrelation of hourly requests at 24 hours",
         "an hour and that of the day before correlate by {:.2f}"),
        ("week_correlation", "correlation", "Autocorrelation of hourly requests at 168 hours",
         "an hour and that of the week before correlate by {:.2f}"),
    ]),
)  # fmt: skip
