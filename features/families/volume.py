"""Volume: how much an account asks for, in what lengths, and how it was answered."""

import polars as pl

from features.catalogue.feature import WINDOWS
from features.families.fixed_point import mean_and_spread, share
from features.families.history import History

_LOG_UNIT = 64  # of AccountRollups.input_log
_SHARES = {
    "throttled_share_28d": "throttled",
    "refused_share_28d": "refused",
    "filtered_share_28d": "filtered",
    "capped_share_28d": "capped",
    "cold_share_28d": "cold",
    "streamed_share_28d": "streamed",
    "tools_share_28d": "with_tools",
}

_COMPARED = {"requests_28d": "requests_on_{}_28d", "output_tokens_28d": "output_on_{}_28d"}


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    sums = history.hours.group_by("account_id").agg(
        pl.col(pl.Int64).sum(),
        *[
            pl.col(name).filter(history.within(window)).sum().alias(f"{name}_{label}")
            for label, window in WINDOWS.items()
            for name in ("requests", "output_tokens")
        ],
    )
    count = pl.col("requests")
    input_mean, input_spread = mean_and_spread(pl.col("input_log"), pl.col("input_log_squared"), count, _LOG_UNIT)
    output_mean, output_spread = mean_and_spread(pl.col("output_log"), pl.col("output_log_squared"), count, _LOG_UNIT)
    return sums.select(
        "account_id",
        *[pl.col(f"requests_{label}") for label in WINDOWS],
        *[pl.col(f"output_tokens_{label}") for label in WINDOWS if label != "1h"],
        *[share(pl.col(part), count).alias(name) for name, part in _SHARES.items()],
        output_per_input_28d=((pl.col("output_tokens") + 1) / (pl.col("input_tokens") + 1)).log(2),
        input_mean_28d=input_mean,
        input_spread_28d=input_spread,
        output_mean_28d=output_mean,
        output_spread_28d=output_spread,
        reasoning_share_28d=share(pl.col("reasoning_tokens"), pl.col("output_tokens")),
        cached_share_28d=share(pl.col("cached_tokens"), pl.col("input_tokens")),
    )


def read_usage(rollups: pl.LazyFrame) -> pl.DataFrame:
    """Add up what `compare_with_plan` compares, for every account of `AccountRollups` of 28 days."""
    return (
        add_usage(rollups).rename({used.removesuffix("_28d"): used for used in _COMPARED}).collect(engine="streaming")
    )


def add_usage(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add up `requests` and `output_tokens` of each account; these sums add too."""
    return rows.group_by("account_id").agg(pl.col("requests", "output_tokens").sum())


def compare_with_plan(features: pl.DataFrame, everyone: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Add what an account uses over the median of the active accounts of its plan, and of its programme.

    `everyone` holds these; null for an account of none.
    """
    for group in ("plan", "programme"):
        members = accounts.select("account_id", group).drop_nulls()
        medians = (
            everyone.join(members, on="account_id")
            .group_by(group)
            .agg(pl.col(*_COMPARED).median().name.suffix("_median"))
        )
        placed = features.join(members, on="account_id", how="left").join(medians, on=group, how="left")
        ratios = [
            ((pl.col(name) + 1) / (pl.col(f"{name}_median") + 1)).log(2).alias(ratio.format(group))
            for name, ratio in _COMPARED.items()
        ]
        features = placed.with_columns(ratios).drop(group, *[f"{name}_median" for name in _COMPARED])
    return features
