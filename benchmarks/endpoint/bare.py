"""What measurements of the endpoint share: a model, stores of made-up accounts, and the bare server beside it.

The bare server is FastAPI with the same model, features in a dict, and nothing but a risk in its answer.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.store.lookup import FeatureLookup
from serving.process import free_port, server_process
from serving.server import HOST
from training.models import model as models
from training.models.calibrate import Calibrator
from training.models.linear import Linear
from training.models.standing import Standing, fit_reference

ACCOUNTS = 2_000
TREES, LEAVES = 400, 6
"""As many and as large as `training.models.fit` makes them at most."""

Matrix = NDArray[np.float32]


def make_model() -> tuple[models.Model, Matrix]:
    """A model of the project's size on made-up features, and the features of the accounts to ask for."""
    random, count = np.random.default_rng(1), len(FEATURE_NAMES)
    matrix = random.normal(size=(4_000, count)).astype(np.float32)
    label = (matrix[:, :6].sum(axis=1) > 3.0).astype(np.float32)
    settings = {"objective": "binary", "num_leaves": LEAVES, "verbosity": -1, "num_threads": 1, "seed": 1}
    data = lgb.Dataset(matrix, label, feature_name=list(FEATURE_NAMES))
    model = models.Model(
        booster=lgb.train(settings, data, num_boost_round=TREES),
        linear=Linear(np.zeros(count), np.ones(count), random.normal(size=2 * count) / 100, 0.0),
        standing=Standing((-6.0, 6.0), (-3.0, 3.0)),
        calibrator=Calibrator((-6.0, 0.0, 6.0), (-7.0, 0.0, 6.0), 0.1),
        reference=fit_reference(np.linspace(0.001, 0.999, len(matrix)), matrix, FEATURE_NAMES),
        features=FEATURE_NAMES,
        schema_version=SCHEMA_VERSION,
        thresholds={"review": 0.5, "act": 0.9},
        version="bench",
    )
    return model, matrix[:ACCOUNTS]


def fill_store(folder: Path, matrix: Matrix, online: str = "sqlite") -> None:
    """Offline and online store with `account-0`, `account-1`, ... of the present hour."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    frame = pl.DataFrame(matrix, schema=dict.fromkeys(FEATURE_NAMES, pl.Float32)).with_columns(
        account_id=pl.format("account-{}", pl.int_range(pl.len())),
        as_of=pl.lit(now, pl.Datetime("us", "UTC")),
    )
    lookup = FeatureLookup(folder, online)
    lookup.write(frame, now, "bench")
    lookup.materialize(now)


def bodies_asking(rows: NDArray[np.intp], many: int = 1) -> Callable[[int], bytes]:
    """Bodies that ask for `many` accounts at a time."""
    ids = [f"account-{row}" for row in rows]
    return lambda call: json.dumps(
        {"account_ids": [ids[(call * many + more) % len(ids)] for more in range(many)]}
    ).encode()


def fastapi_server(folder: Path, port: int) -> None:
    """The bare rival: the same trees, features in a dict, nothing but a risk."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Accounts(BaseModel):
        account_ids: list[str]

    class Risks(BaseModel):
        risks: list[float]

    model = models.load(folder / "model")
    features = {f"account-{row}": values for row, values in enumerate(np.load(folder / "features.npy"))}
    app = FastAPI()

    @app.post("/score")
    async def score(asked: Accounts) -> Risks:
        matrix = np.stack([features[account] for account in asked.account_ids])
        return Risks(risks=model.predict(matrix).tolist())

    uvicorn.run(app, host=HOST, port=port, log_level="error", access_log=False)


@contextmanager
def fastapi_running(scratch: Path) -> Iterator[str]:
    """The bare FastAPI server in a process of its own; gives its address."""
    port = free_port(HOST)
    call = [sys.executable, "-m", "benchmarks.endpoint.bare", str(scratch), str(port)]
    with server_process(call, f"http://{HOST}:{port}/docs", scratch / "fastapi.log"):
        yield f"http://{HOST}:{port}"


if __name__ == "__main__":
    fastapi_server(Path(sys.argv[1]), int(sys.argv[2]))
