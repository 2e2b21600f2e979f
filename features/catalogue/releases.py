"""Contract rows of the family `releases`: how an account answers to the release of a model."""

from features.catalogue.feature import ONE_MORE, Signal, rows

_PIVOT = Signal(
    code="pivot_to_a_new_model",
    name="pivot to a new model",
    disclosure="Within 24 h of a release nearly half of a campaign's traffic moved to the new model (`pivot-2026-02`).",
    cost="Requests by model in hour rollups, and a median of each plan",
    evasion="Move to a new model as slowly as others. Costs days of the better model's answers.",
)

_BLOCK = Signal(
    code="another_model_after_a_block",
    name="another model after a block",
    disclosure="After a block a campaign went back to an older, weaker model (`cleaner-2026`).",
    cost="Requests by model in hour rollups, before and after the first refused hour",
    evasion="Stay with the model that is blocked. Costs what was to be had from it.",
)

FEATURES = (
    *rows(_PIVOT, "28d", [
        ("pivot_1d_on_plan", "share above median",
         "Share of requests on the latest released model in the 24 hours after, less the median of the plan's accounts",
         "{:+.0%} of requests on a new model within a day, against its plan's median"),
        ("pivot_3d_on_plan", "share above median",
         "Share of requests on the latest released model in the 72 hours after, less the median of the plan's accounts",
         "{:+.0%} of requests on a new model within three days, against its plan's median"),
        ("newest_share", "share", "Requests on the latest released model of all since its release",
         "{:.0%} of requests since the latest release are on the new model"),
        ("hours_to_newest", ONE_MORE, "log2(1 + hours) from the latest release to the first use of the new model",
         "used the new model after {plain:,.0f} hours"),
    ]),
    *rows(_BLOCK, "28d", [
        ("left_model_after_block", "difference of shares",
         "Share of the most used model before the first hour with a refused request, less its share after that hour",
         "{:+.0%} of requests left its most used model after a block"),
    ]),
)  # fmt: skip
