"""A small made-up table of examples: two features differ by label, one is the volume, the rest is noise."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from training.fitting.plan import Plan
from training.fitting.train import Trained, TrainingRequest, train
from training.models.fit import BoostingSettings
from training.tracking.client import connect

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
FEATURES = ("requests_28d", "template_share", "sharing", "noise_a", "noise_b")
World = Callable[..., pl.DataFrame]


def make_examples(
    honest: int = 600, campaigns: int = 5, size: int = 20, singles: int = 0, seed: int = 0, snapshots: int = 3
) -> pl.DataFrame:
    """Examples of `honest` unlabelled accounts, `campaigns` of `size` accounts and `singles` without a campaign."""
    rng = np.random.default_rng(seed)
    true = campaigns * size + singles
    names = [f"c{i // size}" for i in range(campaigns * size)] + [None] * (singles + honest)
    label = [True] * true + [None] * honest
    accounts = [f"acct-{i:05d}" for i in range(true + honest)]
    tells = np.array([1.0] * true + [0.0] * honest)
    frames = [_snapshot(rng, accounts, label, names, tells, AS_OF - timedelta(days=day)) for day in range(snapshots)]
    return pl.concat(frames)


def _snapshot(
    rng: np.random.Generator,
    accounts: list[str],
    label: list[bool | None],
    names: list[str | None],
    tells: np.ndarray,
    time: datetime,
) -> pl.DataFrame:
    size = tells.size
    values = {
        "requests_28d": rng.lognormal(4 + 0.3 * tells, 1.0),
        "template_share": np.clip(rng.normal(0.2 + 0.35 * tells, 0.15), 0, 1),
        "sharing": rng.poisson(0.5 + 2.5 * tells).astype(float),
        "noise_a": rng.normal(size=size),
        "noise_b": np.where(rng.random(size) < 0.3, np.nan, rng.normal(size=size)),
    }
    schema = {
        "account_id": pl.String,
        "as_of": pl.Datetime("us", "UTC"),
        "label": pl.Boolean,
        "campaign": pl.String,
    }
    keys = {"account_id": accounts, "as_of": [time] * size, "label": label, "campaign": names}
    judged = pl.when(pl.col("label").is_not_null()).then(pl.lit(AS_OF - timedelta(days=1)))
    frame = pl.DataFrame(keys, schema=schema).with_columns(labelled_at=judged.cast(pl.Datetime("us", "UTC")))
    return frame.with_columns(pl.Series(k, v, dtype=pl.Float32) for k, v in values.items())


@pytest.fixture(scope="session")
def world() -> World:
    """The maker of examples."""
    return make_examples


def make_slices(examples: pl.DataFrame) -> pl.DataFrame:
    """The slices of the examples' accounts: cohorts, plans, requests, and for each campaign its family."""
    latest = examples.sort("account_id", "as_of").unique("account_id", keep="last", maintain_order=True)
    accounts = latest.select("account_id", "campaign", "requests_28d")
    number = pl.col("account_id").str.slice(-5).cast(pl.Int64)
    kinds = {
        "family": pl.format("family {}", pl.col("campaign").str.slice(1).cast(pl.Int64) % 2),
        "cohort": pl.format("cohort {}", number % 4),
        "plan": pl.when(number % 2 == 0).then(pl.lit("free")).otherwise(pl.lit("pro")),
        "country": pl.when(number % 3 == 0).then(pl.lit("DE")).otherwise(pl.lit("IN")),
        "requests": pl.when(pl.col("requests_28d") <= 50).then(pl.lit("<= 50")).otherwise(pl.lit("more")),
    }
    slices = [accounts.select("account_id", kind=pl.lit(kind), name=name) for kind, name in kinds.items()]
    return pl.concat(slices).drop_nulls()


@pytest.fixture(scope="session")
def slices_of() -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The maker of slices."""
    return make_slices


@pytest.fixture(scope="session")
def as_of() -> datetime:
    """The training time of all examples."""
    return AS_OF


@pytest.fixture(scope="session")
def features() -> tuple[str, ...]:
    """The feature names of the examples."""
    return FEATURES


@pytest.fixture(scope="session")
def plan() -> Plan:
    """A quick plan."""
    return Plan(settings=BoostingSettings(rounds=(20, 40, 60)), replicates=50)


def make_request(**changed: Any) -> TrainingRequest:
    """A request for a training on the examples of `make_examples`, with some fields changed; one seed for all."""
    fields = {"features": FEATURES, "as_of": AS_OF, "seed": 7, "schema_version": "s1"} | changed
    return TrainingRequest(**({"split_seed": fields["seed"]} | fields))


@pytest.fixture(scope="session")
def request_of() -> Callable[..., TrainingRequest]:
    """The maker of requests: `request_of(examples=..., plan=..., further fields)`."""
    return make_request


@pytest.fixture(scope="session")
def trained(plan: Plan) -> Trained:
    """One training on the examples."""
    examples = make_examples()
    return train(make_request(examples=examples, plan=plan, slices=make_slices(examples)))


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Gives a folder a store of MLflow without runs, and returns its address: a copy, as making one takes seconds."""
    made = tmp_path_factory.mktemp("new_store") / "mlflow.db"
    connect(f"sqlite:///{made}")

    def copy_into(folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{shutil.copy(made, folder / 'mlflow.db')}"

    return copy_into
