"""A small made-up table of accounts for the measurements of models; real worlds are made by the measurements."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.worlds.training_worlds import TrainingWorld
from features.catalogue import FEATURES
from training.examples.dataset import DETECTOR_COLUMNS
from training.examples.test_set import no_slices

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
FAMILIES, SIZE, HONEST = 3, 12, 1_100
TIME = pl.Datetime("us", "UTC")


def _accounts(first: str, tell: float, telling: str = "content") -> pl.DataFrame:
    """All features are noise but those of one family, which tell by so much; account, family, cohort and truth."""
    rng = np.random.default_rng([int(100 * tell), 5])
    true = FAMILIES * SIZE
    label = np.arange(true + HONEST) < true
    values = {f.name: rng.normal(tell * (label & (f.family == telling)), 1.0) for f in FEATURES}
    values |= {name: rng.normal(0.5 * tell * label, 1.0) for name in DETECTOR_COLUMNS}
    keys = {
        "account_id": [f"{first}{i:04d}" for i in range(label.size)],
        "family": [f"family {i // SIZE}" for i in range(true)] + [None] * HONEST,
        "cohort": [f"cohort {i % 4}" for i in range(label.size)],
        "true": label,
    }
    return pl.DataFrame(keys).with_columns(pl.Series(k, v, dtype=pl.Float32) for k, v in values.items())


def _world(rows: pl.DataFrame) -> TrainingWorld:
    """A world of these accounts, whose campaigns were all confirmed a day before its end."""
    examples = rows.drop("family", "cohort", "true").with_columns(
        rows.select(pl.when("true").then(True).alias("label"), pl.when("true").then("family").alias("campaign")),
        as_of=pl.lit(AS_OF).cast(TIME),
        labelled_at=rows.select(pl.when("true").then(pl.lit(AS_OF - timedelta(days=1)).cast(TIME))).to_series(),
    )
    truth = rows.select("account_id", "family", "cohort", label="true")
    return TrainingWorld(
        name="a small table",
        examples=examples,
        truth=truth,
        slices=no_slices(),
        planted=examples.clear(),
        as_of=AS_OF,
    )


def _cells_of(lines: list[str]) -> list[list[str]]:
    """The cells of a Markdown table, head and rule too."""
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines if line.startswith("| ")]


@pytest.fixture(scope="session")
def accounts() -> Callable[..., pl.DataFrame]:
    """Makes accounts: `accounts(first letter, how much they tell, family of features that tells)`."""
    return _accounts


@pytest.fixture(scope="session")
def world_of() -> Callable[[pl.DataFrame], TrainingWorld]:
    """Makes a world of accounts."""
    return _world


@pytest.fixture(scope="session")
def cells_of() -> Callable[[list[str]], list[list[str]]]:
    """Reads a table of a page."""
    return _cells_of
