"""What the pictures of simulated worlds show: volume, gaps, lengths, hours and templates, beside what was measured."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from docs_tools.pictures import Curve, CurvePicture
from simulation.audit.realism import CohortComparison

DISCLOSED = (13.0, 46.0, "disclosed campaigns")  # requests an account and active day
SERVICES = ("gateways", "support_bots", "audit_capture", "resellers")  # cohorts that run all week
WRITERS = ("chat", "batch_nlp", "judges", "agentic_coders")  # honest cohorts from varied to templated prompts
FEWEST_PROMPTS = 20  # of an account, below which the share of its commonest opening says little
Values = NDArray[np.float64]


def world_pictures(world: Path, comparisons: Sequence[CohortComparison], pools: Path) -> Mapping[str, CurvePicture]:
    """All pictures by name.

    Args:
        world: folder that `simulate` wrote.
        comparisons: the world with what was measured.
        pools: folder of the real rhythms.
    """
    truth = pl.read_parquet(world / "truth.parquet").unique("account_id")
    requests = pl.scan_parquet(world / "requests" / "*.parquet")
    joined = requests.join(truth.lazy().select("account_id", "label", "cohort"), on="account_id")
    gaps = comparison_curves(comparisons, "log gaps", np.exp)
    lengths = comparison_curves(comparisons, "input tokens", lambda values: np.maximum(values, 1))
    opening = "share of the commonest first five words"
    return {
        "volume": CurvePicture(
            "requests an account and active day", volume_curves(joined), is_log=True, span=DISCLOSED
        ),
        "gaps": CurvePicture("seconds between requests", gaps, is_log=True),
        "lengths": CurvePicture("input tokens", lengths, is_log=True),
        "hours": CurvePicture("hour of the week, UTC", hour_curves(joined, pools)),
        "templates": CurvePicture(opening, template_curves(joined)),
    }


def cumulative(values: Values, label: str, style: str) -> Curve:
    """The cumulative distribution of values."""
    return Curve(np.sort(values), np.linspace(0, 1, len(values)), label, style)


def volume_curves(joined: pl.LazyFrame) -> list[Curve]:
    """Requests an active day, of campaign accounts and of honest ones."""
    days = joined.group_by("account_id", "label", pl.col("timestamp").dt.date()).len()
    means = days.group_by("account_id", "label").agg(pl.col("len").mean()).collect()
    return [
        cumulative(means.filter(pl.col("label") == label)["len"].to_numpy(), name, style)
        for label, name, style in ((False, "honest accounts", "-"), (True, "campaign accounts", "--"))
    ]


def comparison_curves(
    comparisons: Sequence[CohortComparison], measure: str, convert: Callable[[Values], Values]
) -> list[Curve]:
    """Simulated and measured values, the first comparison with each source."""
    by_source: dict[str, CohortComparison] = {}
    for comparison in comparisons:
        if comparison.measure == measure:
            by_source.setdefault(comparison.source, comparison)
    curves = []
    for i, (source, comparison) in enumerate(by_source.items(), 1):
        curves.append(cumulative(convert(comparison.simulated), comparison.cohort, f"C{i}-"))
        curves.append(cumulative(convert(comparison.observed), f"{source}, measured", f"C{i}:"))
    return curves


def hour_curves(joined: pl.LazyFrame, pools: Path) -> list[Curve]:
    """Requests by hour of the week over their mean, of services: simulated and as ServeGen measured them."""
    hour = (pl.col("timestamp").dt.weekday().cast(pl.Int64) - 1) * 24 + pl.col("timestamp").dt.hour()
    in_service = pl.col("cohort").is_in(SERVICES) & ~pl.col("label")
    counts = joined.filter(in_service).group_by(hour=hour).len().sort("hour").collect()
    windows = pl.read_parquet(pools / "rhythm_servegen_clients.parquet")
    rate = pl.col("rate") / pl.col("rate").mean().over("category", "model", "client")
    windows = windows.with_columns(rate.fill_nan(None), hour=pl.col("window_s") // 3600 % 168)
    measured = windows.group_by("hour").agg(pl.col("rate").mean()).sort("hour")
    return [
        Curve(frame["hour"].to_numpy(), (frame[column] / frame[column].mean()).to_numpy(), label, style)
        for frame, column, label, style in (
            (counts, "len", "services, simulated", "-"),
            (measured, "rate", "ServeGen clients, measured", ":"),
        )
    ]


def template_curves(joined: pl.LazyFrame) -> list[Curve]:
    """Share of an account's prompts that begin with its commonest five words, of campaigns and of honest cohorts."""
    opening = pl.col("prompt").str.extract(r"^(\S+\s+\S+\s+\S+\s+\S+\s+\S+)").fill_null(pl.col("prompt"))
    shares = (
        joined.with_columns(opening=opening)
        .group_by("account_id", "label", "cohort")
        .agg(prompts=pl.len(), share=pl.col("opening").unique_counts().max() / pl.len())
        .filter(pl.col("prompts") >= FEWEST_PROMPTS)
        .collect()
    )
    honest = [(name, shares.filter(~pl.col("label") & (pl.col("cohort") == name))) for name in WRITERS]
    campaigns = cumulative(shares.filter("label")["share"].to_numpy(), "campaigns", "k--")
    return [campaigns, *(cumulative(rows["share"].to_numpy(), name, "-") for name, rows in honest)]
