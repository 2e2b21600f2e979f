"""Fit again what tells campaigns from crowds: the weights of `features.groups.evidence`, on simulated worlds.

python -m benchmarks evidence --pools DIR --work DIR [--docs]

Each world is a provider's: two campaigns are labelled halfway, a plain model learns from them, and the groups of the
last day are weighed. Each world is judged by weights from the others. No other world has a part in it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from benchmarks.campaigns.home_worlds import WORLDS, MadeWorld, make_home_world
from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, new_parser
from benchmarks.worlds.simulated import ignore_progress
from docs_tools.documents import table, write_part
from features.catalogue import FEATURE_NAMES
from features.groups.evidence import REPORTED_ODDS, bounded_odds, measure_closeness, traits
from features.groups.members import group_lake
from pipelines.build import ensure_features
from training.evaluation.metrics import threshold_at
from training.examples.dataset import matrix
from training.models.standing import fit_standing

TRAITS = (*traits(), "standing")
ADDED = ("normal score", "gain", "closeness", "crowd")  # what a member's risk is made of
UNLABELLED_WEIGHT = 0.3  # of accounts that nobody judged, taken for honest
STRENGTH = 0.05  # of the plain model: inverse of its penalty
RATES = (0.01, 0.001)
Numbers = NDArray[np.float64]


def score_plainly(made: MadeWorld) -> pl.DataFrame:
    """`account_id`, `standing` at the world's end, and `is_judged`: of a logistic regression on ranks of features."""
    lookup, times = made.workspace.lookup, (made.world.halfway, made.world.end)
    ensure_features(made.workspace, times, ignore_progress)
    then, now = (lookup.read(time) for time in times)
    labels = then.select("account_id").join(made.labels, on="account_id", how="left", maintain_order="left")["label"]
    past, present = (np.nan_to_num(matrix(frame, FEATURE_NAMES), nan=-1e3) for frame in (then, now))
    ranks = QuantileTransformer(n_quantiles=200, subsample=10**6, random_state=0).fit(past)
    model = LogisticRegression(C=STRENGTH, max_iter=500)
    weights = np.where(labels.is_null().to_numpy(), UNLABELLED_WEIGHT, 1.0)
    model.fit(ranks.transform(past), labels.fill_null(value=False).to_numpy(), sample_weight=weights)
    scores = model.decision_function(ranks.transform(present))
    is_judged = now["account_id"].is_in(made.labels["account_id"].implode())
    return now.select("account_id", standing=pl.Series(fit_standing(scores).shares(scores)), is_judged=is_judged)


def collect_members(made: MadeWorld) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Everybody as of the world's end, and who is in which group.

    Returns:
        `account_id`, `standing`, `is_judged`, `label` of all accounts; `account_id`, `group`, `closeness`, `TRAITS`,
        `is_crowd` and `campaign` (the share of the group's members that are a campaign's) of members of groups.
    """
    everybody = score_plainly(made).join(made.truth.select("account_id", "label"), on="account_id")
    weighed = group_lake(made.workspace.lake, made.world.end)
    names = weighed.links.accounts.select("account_id").with_row_index("account")
    members = measure_closeness(weighed.groups.members.join(names, on="account")).join(everybody, on="account_id")
    means = {"standing": pl.col("standing").mean().over("group"), "campaign": pl.col("label").mean().over("group")}
    return everybody, (
        members.with_columns(**means)
        .drop("strength")  # a member's own; its group's is evidence
        .join(weighed.evidence, on="group")
        .with_columns(**traits())
        .select("account_id", "group", "closeness", "is_crowd", "campaign", *TRAITS)
    )


def fit_weights(groups: pl.DataFrame) -> tuple[Numbers, float]:
    """Fit the weights of `TRAITS` and the intercept on groups that are no crowds."""
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    fitted.fit(groups.select(TRAITS).to_numpy(), groups["campaign"].to_numpy() >= 0.5)
    scaler, model = fitted[0], fitted[1]
    weights = model.coef_[0] / scaler.scale_
    return weights, float(model.intercept_[0] - weights @ scaler.mean_)


def weigh_by_others(members: pl.DataFrame) -> pl.DataFrame:
    """Add `odds`: of each world's groups by weights that the other worlds give."""
    parts = []
    for world in members["world"].unique(maintain_order=True):
        own, others = members.filter(pl.col("world") == world), members.filter(pl.col("world") != world)
        weights, intercept = fit_weights(_lasting(others))
        parts.append(own.with_columns(odds=pl.Series(own.select(TRAITS).to_numpy() @ weights + intercept)))
    return pl.concat(parts)


def describe_reports(members: pl.DataFrame, least: Sequence[float]) -> list[str]:
    """How many groups would be reported from each log-odds on, and how many accounts of campaigns are in them."""
    groups, share = _lasting(members), pl.col("campaign") * pl.col("accounts")
    total, rows = groups.select(share.sum()).item(), []
    for odds in least:
        reported = groups.filter(pl.col("odds") >= odds)
        honest, inside = reported.select(honest=(pl.col("campaign") < 0.5).sum(), inside=share.sum()).row(0)
        rows.append([f"{odds:g}", str(len(reported)), str(honest), f"{inside / total:.2f}"])
    return table(["log-odds", "groups", "honest ones", "accounts of campaigns in them"], rows)


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


def _lasting(members: pl.DataFrame) -> pl.DataFrame:
    """One row for each group that is no crowd, with its number of `accounts`."""
    lasting = members.filter(~pl.col("is_crowd")).with_columns(accounts=pl.len().over("world", "group"))
    return lasting.unique(["world", "group"], keep="first", maintain_order=True)


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
        tables = collect_members(make_home_world(world, options.pools, options.work))
        collected.append([frame.with_columns(world=pl.lit(world.name)) for frame in tables])
    everybody, members = (pl.concat(frames, how="vertical_relaxed") for frames in zip(*collected, strict=True))
    groups = _lasting(members)
    weights, intercept = fit_weights(groups)
    elsewhere = weigh_by_others(members)
    lines = [
        f"{len(groups)} lasting groups of {len(WORLDS)} worlds, {(groups['campaign'] >= 0.5).sum()} of them campaigns.",
        "",
        *table(["trait", "weight"], [[name, f"{weight:.2f}"] for name, weight in zip(TRAITS, weights, strict=True)]),
        "",
        f"Intercept: {intercept:.2f}. Each world judged by the weights of the others:",
        "",
        *describe_reports(elsewhere, (0.0, REPORTED_ODDS, 2.0)),
        "",
        *describe_lifts(everybody, elsewhere),
    ]
    print("\n".join(lines))
    if options.docs:
        write_part("campaigns.md", "evidence", lines)


if __name__ == "__main__":
    main()
