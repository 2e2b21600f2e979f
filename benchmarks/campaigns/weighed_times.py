"""Who is in which group of a home world at several times of its course, and how much stands out in each member."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import QuantileTransformer

from benchmarks.campaigns.home_worlds import HomeWorld, MadeWorld, make_home_world
from benchmarks.measure import log_step
from benchmarks.worlds.simulated import ignore_progress
from features.catalogue import FEATURE_NAMES
from features.code_version import code_version
from features.groups.evidence import list_tied_hours, measure_closeness, traits
from features.groups.members import group_lake
from pipelines.build import ensure_features
from training.examples.dataset import matrix
from training.models.standing import fit_standing

DAYS = (7, 10, 14, 15, 21, 22, 28, 35, 42)
"""Days of history at which groups are weighed; each world is looked at on its last two days too."""

UNLABELLED_WEIGHT = 0.3  # of accounts that nobody judged, taken for honest
STRENGTH = 0.05  # of the plain model: inverse of its penalty


def list_days(world: HomeWorld) -> list[int]:
    """Days of history at which a world's groups are weighed, its end last."""
    end = world.scenario.days
    return sorted({*(day for day in DAYS if day < end), end - 1, end})


def weigh_times(world: HomeWorld, pools: Path, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Weigh a world's groups at each of its times; what an earlier call finished with this code is not repeated.

    Returns:
        `account_id`, `standing`, `is_judged`, `label` of everybody at the world's end. And of members of groups, at
        each time: `day`, `account_id`, `group`, `label`, `standing`, `closeness`, `is_crowd`, `surprise`, `daily_hours`
        (a median member's), the group's `traits` and mean standing (`group_standing`), and `campaign`, the share of its
        members that are a campaign's.
    """
    cells = folder / world.name / f"weighed-{code_version('benchmarks.campaigns.weighed_times')}"
    cells.mkdir(parents=True, exist_ok=True)
    missing = [day for day in list_days(world) if not _cell(cells, day, "members").exists()]
    if missing:
        made = make_home_world(world, pools, folder)
        for day, everybody, members in _weigh(made, missing):
            everybody.write_parquet(_cell(cells, day, "everybody"))
            members.write_parquet(_cell(cells, day, "members"))
    tables = [pl.read_parquet(_cell(cells, day, "members")).with_columns(day=day) for day in list_days(world)]
    everybody = pl.read_parquet(_cell(cells, world.scenario.days, "everybody"))
    return everybody.with_columns(world=pl.lit(world.name)), pl.concat(tables).with_columns(world=pl.lit(world.name))


def _cell(cells: Path, day: int, table: str) -> Path:
    return cells / f"{day:02d}-{table}.parquet"


def _weigh(made: MadeWorld, days: list[int]) -> Iterator[tuple[int, pl.DataFrame, pl.DataFrame]]:
    """For each of the days: everybody, and the members of groups."""
    model = teach_plainly(made)
    for day in days:
        log_step(f"{made.world.name}: {day} days")
        time = made.world.scenario.start + timedelta(days=day)
        everybody = score_plainly(made, model, time)
        yield day, everybody, collect_members(made, everybody, time)


def teach_plainly(made: MadeWorld) -> Pipeline:
    """A logistic regression on ranks of features, taught what is known halfway."""
    then = _read(made, made.world.halfway)
    labels = then.select("account_id").join(made.labels, on="account_id", how="left", maintain_order="left")["label"]
    ranks = QuantileTransformer(n_quantiles=200, subsample=10**6, random_state=0)
    model = make_pipeline(ranks, LogisticRegression(C=STRENGTH, max_iter=500))
    weights = np.where(labels.is_null().to_numpy(), UNLABELLED_WEIGHT, 1.0)
    targets = labels.fill_null(value=False).to_numpy()
    return model.fit(_values(then), targets, logisticregression__sample_weight=weights)


def score_plainly(made: MadeWorld, model: Pipeline, time: datetime) -> pl.DataFrame:
    """`account_id`, `standing` at a time, `is_judged` and `label` of everybody seen until then.

    Before halfway the model knows what it could not know yet: it stands for one that an earlier campaign taught.
    """
    now = _read(made, time)
    scores = model.decision_function(_values(now))
    is_judged = now["account_id"].is_in(made.labels["account_id"].implode())
    standing = pl.Series(fit_standing(scores).shares(scores))
    truth = made.truth.select("account_id", "label")
    return now.select("account_id", standing=standing, is_judged=is_judged).join(truth, on="account_id")


def _read(made: MadeWorld, time: datetime) -> pl.DataFrame:
    ensure_features(made.workspace, (time,), ignore_progress)
    return made.workspace.lookup.read(time)


def _values(features: pl.DataFrame) -> np.typing.NDArray[np.float32]:
    return np.nan_to_num(matrix(features, FEATURE_NAMES), nan=-1e3)


def collect_members(made: MadeWorld, everybody: pl.DataFrame, time: datetime) -> pl.DataFrame:
    """The members of groups at a time, see `weigh_times`."""
    weighed = group_lake(made.workspace.lake, time)
    names = weighed.links.accounts.select("account_id").with_row_index("account")
    members = measure_closeness(weighed.groups.members.join(names, on="account")).join(everybody, on="account_id")
    means = {"group_standing": pl.col("standing").mean(), "campaign": pl.col("label").mean()}
    own = ("account_id", "group", "label", "standing", "closeness")
    hours = list_tied_hours(weighed.groups, weighed.links, made.workspace.lake, time)
    by_day = hours.group_by("group", "account_id").agg(daily=pl.len() / pl.col("hour").dt.date().n_unique())
    return (
        members.join(by_day, on=["group", "account_id"], how="left")
        .with_columns(mean.over("group").alias(name) for name, mean in means.items())
        .with_columns(daily_hours=pl.col("daily").fill_null(0).median().over("group"))
        .drop("strength")  # a member's own; its group's is evidence
        .join(weighed.evidence, on="group")
        .join(weighed.groups.groups.select("group", "surprise"), on="group")
        .with_columns(**traits())
        .select(*own, *means, "is_crowd", "surprise", "daily_hours", *traits())
    )
