"""Fit again what tells campaigns from crowds: the weights of `features.groups.evidence`, on simulated worlds.

python -m benchmarks evidence --pools DIR --work DIR [--docs]

Each world is a provider's: two campaigns are labelled halfway, a plain model learns from them, and groups are weighed
at several times from the seventh day to the last. Each world is judged by weights from the others. No other world has
a part in it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.campaigns.home_worlds import WORLDS
from benchmarks.campaigns.weighed_times import weigh_times
from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, new_parser
from docs_tools.documents import table, write_part
from features.groups.evidence import LEAST_SURPRISE, REPORTED_ODDS, UNMODELLED_ODDS, bounded_odds, traits
from training.evaluation.metrics import threshold_at

STANDING = "group_standing"
TRAITS = (*traits(), STANDING)
_LASTING = tuple(trait for trait in TRAITS if trait != "log_hours")  # hours of the whole window grow with the history
CHOICES: Mapping[str, tuple[Sequence[str], bool]] = {
    "these": (TRAITS, False),
    "these, fitted on the last times": (TRAITS, True),
    "no hours": (_LASTING, False),
    "daily hours": ((*_LASTING, "daily"), False),
    "daily hours, surprise up to 1": ((*_LASTING, "daily", "surprise_1"), False),
    "daily hours, surprise up to 4": ((*_LASTING, "daily", "surprise_4"), False),
}
"""Traits, and whether they are fitted on each world's last time only."""

_DERIVED = {
    "daily": pl.col("daily_hours").log1p(),
    **{f"surprise_{most}": pl.col("surprise").clip(upper_bound=most) for most in (1, 4)},
}

MOST_HONEST = 0.02  # share of honest groups among those reported, at which choices are compared
PURE = 0.5  # share of members from which a group is a campaign's
ADDED = ("normal score", "gain", "closeness", "crowd")  # what a member's risk is made of
RATES = (0.01, 0.001)
Numbers = NDArray[np.float64]


def list_lasting(members: pl.DataFrame) -> pl.DataFrame:
    """One row for each time and group that is no crowd: its `TRAITS`, `accounts`, `campaign`, and its `weight`.

    A world's groups weigh as much together as if they had been looked at once, on an average day.
    """
    lasting = members.filter(~pl.col("is_crowd")).with_columns(accounts=pl.len().over("world", "day", "group"))
    return lasting.unique(["world", "day", "group"], keep="first", maintain_order=True).with_columns(
        weight=1 / pl.col("day").n_unique().over("world"), **_DERIVED
    )


def fit_weights(groups: pl.DataFrame, names: Sequence[str] = TRAITS) -> tuple[Numbers, float]:
    """Fit the weights of some traits and the intercept on groups that are no crowds."""
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    is_campaign = groups["campaign"].to_numpy() >= PURE
    fitted.fit(groups.select(names).to_numpy(), is_campaign, logisticregression__sample_weight=groups["weight"])
    scaler, model = fitted[0], fitted[1]
    weights = model.coef_[0] / scaler.scale_
    return weights, float(model.intercept_[0] - weights @ scaler.mean_)


def weigh_by_others(
    members: pl.DataFrame, names: Sequence[str] = TRAITS, *, on_ends: bool = False
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The members and the lasting groups with `odds`: of each world by weights that the other worlds give."""
    lasting, parts = list_lasting(members), []
    is_taught = pl.col("day") == pl.col("day").max().over("world") if on_ends else pl.lit(True)
    taught = lasting.filter(is_taught)
    for world in members["world"].unique(maintain_order=True):
        weights, intercept = fit_weights(taught.filter(pl.col("world") != world), names)
        own = members.filter(pl.col("world") == world).with_columns(**_DERIVED)
        values = own.select(names).to_numpy()
        parts.append(own.with_columns(odds=values @ weights + intercept, standing_odds=weights[names.index(STANDING)]))
    judged = pl.concat(parts)
    return judged, list_lasting(judged)


def find_threshold(groups: pl.DataFrame) -> float:
    """The lowest odds from which at most `MOST_HONEST` of the groups are honest."""
    honest = (pl.col("campaign") < PURE).cum_sum()
    ordered = groups.sort("odds", descending=True).filter(honest <= MOST_HONEST * (pl.int_range(pl.len()) + 1))
    return float(ordered["odds"].min() if len(ordered) else np.inf)  # type: ignore[arg-type]


def follow_reports(members: pl.DataFrame, least: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Which accounts of campaigns are in reported groups, and which reported groups of campaigns last.

    Returns:
        `world`, `day`, `account_id`, `is_in`: of accounts of campaigns in lasting groups. And of groups of campaigns
        that are reported, save at the last time: `world`, `day`, `next_day`, `group`, `lasts`: whether half of its
        accounts of campaigns are in reported groups the next time too.
    """
    is_reported = ~pl.col("is_crowd") & (pl.col("odds") >= least)
    true = members.filter("label").with_columns(is_in=is_reported)
    inside = true.filter(~pl.col("is_crowd")).group_by("world", "day", "account_id").agg(pl.col("is_in").any())
    times = members.select("world", "day").unique().sort("world", "day")
    following = times.with_columns(next_day=pl.col("day").shift(-1).over("world")).drop_nulls()
    stays = inside.select("world", "account_id", next_day="day", stays="is_in")
    followed = (
        true.filter(pl.col("is_in") & (pl.col("campaign") >= PURE))
        .join(following, on=["world", "day"])
        .join(stays, on=["world", "next_day", "account_id"], how="left")
    )
    lasts = pl.col("stays").fill_null(value=False).mean() >= PURE
    return inside, followed.group_by("world", "day", "next_day", "group").agg(lasts=lasts)


def describe_choices(members: pl.DataFrame) -> list[str]:
    """What other traits would do, each from the odds at which as many reported groups are honest."""
    rows = []
    for name, (names, on_ends) in CHOICES.items():
        judged, groups = weigh_by_others(members, names, on_ends=on_ends)
        least = find_threshold(groups)
        rows.append([name, f"{least:.2f}", *_count_reports(judged, groups, least)])
    return table(["traits", "from log-odds", *_COUNTED], rows)


_COUNTED = (
    "groups",
    "honest ones",
    "accounts of campaigns in them",
    "reported again the next day",
    "some days later",
)


def _count_reports(members: pl.DataFrame, groups: pl.DataFrame, least: float) -> list[str]:
    reported = groups.filter(pl.col("odds") >= least)
    inside, followed = follow_reports(members, least)
    is_daily = pl.col("next_day") == pl.col("day") + 1
    steady = [_share(followed.filter(is_near)["lasts"]) for is_near in (is_daily, ~is_daily)]
    honest = (reported["campaign"] < PURE).sum()
    return [str(len(reported)), str(honest), f"{inside['is_in'].mean():.2f}", *steady]


def _share(flags: pl.Series) -> str:
    return f"{flags.sum()} of {len(flags)}" if len(flags) else "-"


def describe_reports(members: pl.DataFrame, groups: pl.DataFrame, least: Sequence[float]) -> list[str]:
    """How many groups would be reported from each log-odds on, over all times."""
    rows = [[f"{odds:g}", *_count_reports(members, groups, odds)] for odds in least]
    return table(["log-odds", *_COUNTED], rows)


def describe_times(members: pl.DataFrame, groups: pl.DataFrame, least: float) -> list[str]:
    """What is reported by days of history."""
    inside, followed = follow_reports(members, least)
    rows = []
    for day in sorted(members["day"].unique()):
        reported = groups.filter((pl.col("day") == day) & (pl.col("odds") >= least))
        share, again = inside.filter(day=day)["is_in"].mean(), followed.filter(day=day)["lasts"]
        honest = (reported["campaign"] < PURE).sum()
        worlds = members.filter(day=day)["world"].n_unique()
        rows.append([str(day), str(worlds), str(len(reported)), str(honest), f"{share or 0:.2f}", _share(again)])
    return table(["day", "worlds", *_COUNTED[:3], "reported again the next time"], rows)


def describe_unmodelled(groups: pl.DataFrame) -> str:
    """What would be reported where no model tells the members' standing."""
    odds = pl.col("odds") - pl.col("standing_odds") * pl.col(STANDING)
    reported = groups.filter((odds >= UNMODELLED_ODDS) & (pl.col("surprise") >= LEAST_SURPRISE))
    share = pl.col("campaign") * pl.col("accounts")
    inside = reported.select(share.sum()).item() / groups.select(share.sum()).item()
    honest = (reported["campaign"] < PURE).sum()
    return (
        f"Without a model, from {UNMODELLED_ODDS:g} and a surprise of {LEAST_SURPRISE:g}: {honest} of {len(reported)} "
        f"reported groups are honest, and {inside:.2f} of the accounts in groups of campaigns are in them."
    )


def describe_lifts(everybody: pl.DataFrame, members: pl.DataFrame) -> list[str]:
    """What a group adds to a normal score, fitted on accounts that nobody judged, and what that is worth elsewhere."""
    best = members.sort("odds", descending=True).unique(["world", "account_id"], keep="first", maintain_order=True)
    gain = bounded_odds().exp().log1p()
    added = {
        "gain": gain,
        "close": pl.col("closeness") * gain.clip(upper_bound=1.0),
        "crowd": pl.col("is_crowd").cast(pl.Float64),
    }
    accounts = everybody.filter(~pl.col("is_judged")).join(
        best.select("world", "account_id", **added), on=["world", "account_id"], how="left"
    )
    normal = norm.ppf(accounts["standing"].clip(1e-5, 1 - 1e-5).to_numpy())
    values = np.column_stack([normal, accounts.select(pl.col(list(added)).fill_null(0.0)).to_numpy()])
    label, world = accounts["label"].to_numpy(), accounts["world"].to_numpy()
    figures = []
    for name in np.unique(world):
        own = world == name
        fitted = LogisticRegression(C=1e3, max_iter=1000).fit(values[~own], label[~own]).coef_[0]
        for scores in (values[own, 0], values[own] @ fitted):
            least = [threshold_at(label[own], scores, rate) for rate in RATES]
            recalls = [(scores[label[own]] >= threshold).mean() for threshold in least]
            figures.append([average_precision_score(label[own], scores), *recalls])
    alone, lifted = np.array(figures)[0::2].mean(axis=0), np.array(figures)[1::2].mean(axis=0)
    weights = LogisticRegression(C=1e3, max_iter=1000).fit(values, label).coef_[0]
    ratios = ", ".join(f"{name} {value:.2f}" for name, value in zip(ADDED, weights / weights[0], strict=True))
    rows = [[name, *(f"{value:.2f}" for value in row)] for name, row in (("alone", alone), ("with groups", lifted))]
    return [f"Weights: {ratios}.", "", *table(["score", "PR-AUC", "recall at 1 %", "recall at 0.1 %"], rows)]


def main() -> None:
    """Collect, fit, judge, and print."""
    parser = new_parser("evidence", __doc__)
    parser.add_argument("--pools", type=Path, required=True, help="folder of real prompts and rhythms")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps worlds and workspaces")
    add_docs_option(parser, "docs/results/campaigns.md")
    options = parser.parse_args()
    collected = []
    for world in WORLDS:
        log_step(world.name)
        collected.append(weigh_times(world, options.pools, options.work))
    everybody, members = (pl.concat(frames, how="vertical_relaxed") for frames in zip(*collected, strict=True))
    groups = list_lasting(members)
    weights, intercept = fit_weights(groups)
    elsewhere, judged = weigh_by_others(members)
    ends = elsewhere.filter(pl.col("day") == pl.col("day").max().over("world"))
    times = members.select("world", "day").n_unique()
    lines = [
        f"{len(groups)} lasting groups at {times} times of {len(WORLDS)} worlds, "
        f"{(groups['campaign'] >= PURE).sum()} of them campaigns.",
        "",
        *table(["trait", "weight"], [[name, f"{weight:.2f}"] for name, weight in zip(TRAITS, weights, strict=True)]),
        "",
        f"Intercept: {intercept:.2f}. Each world judged by the weights of the others:",
        "",
        *describe_reports(elsewhere, judged, (0.0, 0.5, REPORTED_ODDS, 2.0)),
        "",
        f"By days of history, from log-odds of {REPORTED_ODDS:g} on:",
        "",
        *describe_times(elsewhere, judged, REPORTED_ODDS),
        "",
        f"Other traits, each from the log-odds at which {MOST_HONEST:.0%} of the reported groups are honest:",
        "",
        *describe_choices(members),
        "",
        describe_unmodelled(judged),
        "",
        *describe_lifts(everybody, ends),
    ]
    print("\n".join(lines))
    if options.docs:
        write_part("campaigns.md", "evidence", lines)


if __name__ == "__main__":
    main()
