"""From one confirmed account to the rest: how many of a family `similar` ranks above nearly all honest accounts."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from benchmarks.foreign.run import Run
from docs_tools.documents import table
from features.groups.likeness import measure_likeness, read_common_keys
from training.evaluation.metrics import threshold_at

CONFIRMED = (1, 3, 10)
DRAWS = 5  # of the confirmed accounts, for each family and number
RATE = 0.001  # false positives, of all honest accounts
LEAST = 14  # accounts of a family that is measured
Recalls = Mapping[int, Mapping[str, float]]


def measure_look_alikes(run: Run, seed: int = 0) -> Recalls:
    """Mean recall of the rest of each family at `RATE`, by the number of confirmed accounts."""
    as_of = run.world.times[-1]
    features = run.workspace.lookup.read(as_of)
    truth = pl.read_parquet(run.world.folder / "truth.parquet").filter(
        pl.col("account_id").is_in(features["account_id"].implode())
    )
    honest = truth.filter(~pl.col("label"))["account_id"].unique()
    families = truth.filter("label").select("account_id", "family").unique().sort("family", "account_id")
    rng = np.random.default_rng(seed)
    recalls: dict[int, dict[str, float]] = {count: {} for count in CONFIRMED}
    for (family,), members in families.group_by("family", maintain_order=True):
        if len(members) < LEAST:
            continue
        for count in CONFIRMED:
            orders = [rng.permutation(len(members)) for _ in range(DRAWS)]
            drawn = [members["account_id"].gather(order) for order in orders]
            shares = [_recall(run, features, honest, ids[:count].to_list(), ids[count:]) for ids in drawn]
            recalls[count][str(family)] = float(np.mean(shares))
    return recalls


def look_alike_lines(recalls: Recalls, seed: int = 0) -> list[str]:
    """A row for each number of confirmed accounts: the mean over families with its interval, and each family."""
    names = list(recalls[CONFIRMED[0]])
    rows = [
        [str(count), _mean([by_family[name] for name in names], seed), *(f"{by_family[name]:.2f}" for name in names)]
        for count, by_family in recalls.items()
    ]
    return table(["confirmed", "mean over families", *names], rows)


def _recall(run: Run, features: pl.DataFrame, honest: pl.Series, asked: Sequence[str], rest: pl.Series) -> float:
    keys = read_common_keys(run.workspace.lake, run.world.times[-1], asked)
    likeness = measure_likeness(features, keys, asked)
    ids = likeness.account_ids
    is_rest, is_honest = (ids.is_in(some.implode()).to_numpy() for some in (rest, honest))
    chosen = is_rest | is_honest
    label, score = is_rest[chosen], likeness.log_odds[chosen]
    return float((score[label] >= threshold_at(label, score, RATE)).mean())


def _mean(values: Sequence[float], seed: int) -> str:
    """The mean with an interval by bootstrap over families."""
    drawn = np.random.default_rng(seed).choice(values, (2_000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{np.mean(values):.2f} [{low:.2f}, {high:.2f}]"
