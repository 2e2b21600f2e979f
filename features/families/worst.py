"""Worst: the worst day and the busiest hour, where a mean over 28 days would hide them."""

import polars as pl

from features.families.fixed_point import share, shrink
from features.families.history import History

_WEIGHT = 5  # requests at the account's own mean that every day is given: a day of one request is no evidence
_LOG_UNIT = 64  # of AccountRollups.output_log
_ASKED = ("stepwise", "explain", "rubric", "generate", "rewrite", "jailbreak", "clean_trace", "refusal")
_PARTS = {  # column: of which requests
    **dict.fromkeys((*_ASKED, "schema"), "with_text"),
    **dict.fromkeys(("first_turns", "throttled", "output_log"), "requests"),
}


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    day = pl.col("hour").dt.date().alias("day")
    summed = pl.col("requests", "with_text", "output_tokens", *_PARTS).sum()
    days = history.hours.group_by("account_id", day).agg(summed, hours=pl.len(), busiest=pl.col("requests").max())
    total, requests = (
        days.group_by("account_id").agg(pl.col("with_text", *_PARTS).sum(), n=pl.col("requests").sum()),
        (pl.col("requests")),
    )
    wholes = {"with_text": pl.col("with_text_all"), "requests": pl.col("n")}
    worst = [
        shrink(pl.col(part), pl.col(whole), share(pl.col(f"{part}_all"), wholes[whole]), _WEIGHT).max().alias(part)
        for part, whole in _PARTS.items()
    ]
    renamed = total.rename({name: f"{name}_all" for name in total.columns if name not in ("account_id", "n")})
    return (
        days.join(renamed, on="account_id")
        .group_by("account_id")
        .agg(
            *worst,
            busiest_hour_28d=pl.col("busiest").max().log(2),
            busiest_hour_share_28d=share(pl.col("busiest").max() - 1, requests.sum() - 1),
            most_hours_28d=pl.col("hours").max(),
            most_output_28d=(pl.col("output_tokens").max() + 1).log(2),
        )
        .select(
            "account_id",
            "busiest_hour_28d",
            "busiest_hour_share_28d",
            "most_hours_28d",
            "most_output_28d",
            worst_asked_28d=pl.max_horizontal(_ASKED),
            worst_schema_28d="schema",
            worst_first_turn_28d="first_turns",
            worst_throttled_28d="throttled",
            worst_answer_28d=pl.col("output_log") / _LOG_UNIT,
        )
    )
