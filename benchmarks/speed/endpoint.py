"""One-account `POST /score` against bare FastAPI and `mlflow models serve`, as ratios in the same run.

python -m benchmarks endpoint [--calls 2000]

The same trees answer behind all three, each over one keep-alive connection on loopback, in turns. FastAPI
reads features from a dict and gives a bare risk; MLflow is sent the features and looks nothing up; stillwatch
reads them from Feast's online store, checks what it is sent, and gives reasons for accounts worth a look.
"""

import argparse
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.options import new_parser
from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.store.lookup import FeatureLookup
from serving.package import package_model
from serving.process import free_port, server_process
from serving.server import HOST, Options, running_server
from training.models import model as models
from training.models.calibrate import Calibrator
from training.models.linear import Linear
from training.models.standing import Standing, fit_reference

ACCOUNTS = 500
ROUNDS = 5
WARM_UP = 50
TREES, LEAVES = 400, 6
"""As many and as large as `training.models.fit` makes them at most."""

SAVE = """
import sys, lightgbm, mlflow, numpy, pandas
booster = lightgbm.Booster(model_file=sys.argv[1])
columns = booster.feature_name()
frame = pandas.DataFrame(numpy.zeros((2, len(columns))), columns=columns)
signature = mlflow.models.infer_signature(frame, numpy.zeros(2)) if sys.argv[3] == "signed" else None
mlflow.lightgbm.save_model(booster, sys.argv[2], signature=signature)
"""

Matrix = NDArray[np.float32]
Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rival:
    """A server and how it is asked: where, the body of each call by its number, and how often."""

    name: str
    url: str
    path: str
    body: Callable[[int], bytes]
    calls: int


def main() -> None:
    """Make a model and a store, start the servers, measure in turns, print the table."""
    parser = new_parser("endpoint", __doc__)
    parser.add_argument("--calls", type=int, default=2_000, help="one-account calls to each quick server")
    parser.add_argument("--fastapi", nargs=2, metavar=("FOLDER", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fastapi:
        fastapi_server(Path(options.fastapi[0]), int(options.fastapi[1]))
        return
    with tempfile.TemporaryDirectory(prefix="stillwatch-bench-") as scratch, ExitStack() as servers:
        times = time_calls(start_servers(Path(scratch), options.calls, servers))
    print_table(times)


def start_servers(scratch: Path, calls: int, servers: ExitStack) -> list[Rival]:
    """All servers, running; the first is the measure of the others."""
    model, matrix = make_model()
    models.save(model, scratch / "model")
    np.save(scratch / "features.npy", matrix)
    fill_store(scratch / "store", matrix)
    risks = model.predict(matrix)
    plain, flagged = (np.flatnonzero(rows) for rows in (risks < 0.5, risks >= 0.5))
    bento = package_model(scratch / "model", scratch / "bentos")
    ours = servers.enter_context(running_server(bento, Options(scratch / "store"), log=scratch / "ours.log"))
    bare = servers.enter_context(fastapi_running(scratch))
    loose = servers.enter_context(mlflow_running(scratch, "unsigned"))
    signed = servers.enter_context(mlflow_running(scratch, "signed"))
    return [
        Rival(name="FastAPI, dict of features", url=bare, path="/score", body=bodies_asking(plain), calls=calls),
        Rival(name="stillwatch", url=ours, path="/score", body=bodies_asking(plain), calls=calls),
        Rival(
            name="mlflow models serve",
            url=loose,
            path="/invocations",
            body=bodies_sending(matrix[plain]),
            calls=calls // 5,
        ),
        Rival(
            name="the same, with signature",
            url=signed,
            path="/invocations",
            body=bodies_sending(matrix[plain]),
            calls=calls // 5,
        ),
        Rival(name="stillwatch, with reasons", url=ours, path="/score", body=bodies_asking(flagged), calls=calls // 10),
        Rival(
            name="stillwatch, 100 accounts", url=ours, path="/score", body=bodies_asking(plain, 100), calls=calls // 20
        ),
    ]


def make_model() -> tuple[models.Model, Matrix]:
    """A model of the project's size on made-up features, and the features of the accounts to ask for."""
    random, count = np.random.default_rng(1), len(FEATURE_NAMES)
    matrix = random.normal(size=(4_000, count)).astype(np.float32)
    label = (matrix[:, :6].sum(axis=1) > 3.0).astype(np.float32)
    settings = {"objective": "binary", "num_leaves": LEAVES, "verbosity": -1, "num_threads": 2, "seed": 1}
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


def fill_store(folder: Path, matrix: Matrix) -> None:
    """Offline and online store with `account-0`, `account-1`, ... of the present hour."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    frame = pl.DataFrame(matrix, schema=dict.fromkeys(FEATURE_NAMES, pl.Float32)).with_columns(
        account_id=pl.format("account-{}", pl.int_range(pl.len())),
        as_of=pl.lit(now, pl.Datetime("us", "UTC")),
    )
    lookup = FeatureLookup(folder)
    lookup.write(frame, now, "bench")
    lookup.materialize(now)


def bodies_asking(rows: NDArray[np.intp], many: int = 1) -> Callable[[int], bytes]:
    """Bodies that ask for `many` accounts at a time."""
    ids = [f"account-{row}" for row in rows]
    return lambda call: json.dumps(
        {"account_ids": [ids[(call * many + more) % len(ids)] for more in range(many)]}
    ).encode()


def bodies_sending(matrix: Matrix) -> Callable[[int], bytes]:
    """Bodies that bring the features of one account along, as MLflow's scoring protocol wants them."""
    rows = matrix.astype(float).tolist()
    split = {"columns": list(FEATURE_NAMES)}
    return lambda call: json.dumps({"dataframe_split": {**split, "data": [rows[call % len(rows)]]}}).encode()


def time_calls(rivals: list[Rival]) -> dict[str, Times]:
    """Milliseconds of each call; the rivals take turns, so that a busy moment hits all."""
    times: dict[str, list[float]] = {rival.name: [] for rival in rivals}
    for turn in range(ROUNDS):
        for rival in rivals:
            times[rival.name] += one_turn(rival, turn)
    return {name: np.array(values) for name, values in times.items()}


def one_turn(rival: Rival, turn: int) -> list[float]:
    """A fifth of a rival's calls over one connection, after a few that don't count."""
    connection = http.client.HTTPConnection(urlsplit(rival.url).netloc, timeout=30)
    share = rival.calls // ROUNDS
    bodies = [rival.body(turn * share + call) for call in range(share)]
    for body in bodies[:WARM_UP]:
        timed_call(connection, rival, body)
    times = [timed_call(connection, rival, body) for body in bodies]
    connection.close()
    return times


def timed_call(connection: http.client.HTTPConnection, rival: Rival, body: bytes) -> float:
    """Milliseconds from sending to the last byte of the answer."""
    start = time.perf_counter()
    connection.request("POST", rival.path, body, {"content-type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    took = (time.perf_counter() - start) * 1e3
    if response.status != 200:
        raise SystemExit(f"{rival.name} answered {response.status}: {answer[:300]!r}")
    return took


def print_table(times: dict[str, Times]) -> None:
    """p50 and p99, and p50 over that of the first."""
    base = float(np.median(next(iter(times.values()))))
    print(f"{'one connection, ms':28}{'calls':>7}{'p50':>8}{'p99':>8}{'max':>8}{'p50 ratio':>11}")
    for name, values in times.items():
        p50, p99, top = np.percentile(values, [50, 99, 100])
        print(f"{name:28}{len(values):7}{p50:8.2f}{p99:8.2f}{top:8.1f}{p50 / base:10.1f}x")
    ours, loose, signed = (
        float(np.median(times[name])) for name in ("stillwatch", "mlflow models serve", "the same, with signature")
    )
    print(f"stillwatch is {loose / ours:.1f} times as fast as mlflow models serve,", end=" ")
    print(f"{signed / ours:.1f} times where the model has a signature (aim: 5);")
    print(f"it takes {ours / base:.1f} times as long as bare FastAPI (aim: at most 3),", end=" ")
    print(f"{ours:.2f} ms (aim: below 1.5)")


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
    call = [sys.executable, "-m", "benchmarks.speed.endpoint", "--fastapi", str(scratch), str(port)]
    with server_process(call, f"http://{HOST}:{port}/docs", scratch / "fastapi.log"):
        yield f"http://{HOST}:{port}"


@contextmanager
def mlflow_running(scratch: Path, kind: str) -> Iterator[str]:
    """`mlflow models serve` of the same Booster, one worker, the installed environment; gives its address.

    Args:
        scratch: folder of the model; the server runs in it.
        kind: whether the model has a signature: `signed` or `unsigned`.
    """
    # MLflow starts its server by the name `uvicorn`, which must be found beside this Python.
    path = f"PATH={Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    python = [str(shutil.which("env")), "-C", str(scratch), path, "MLFLOW_DISABLE_TELEMETRY=true", sys.executable]
    paths = [str(scratch / "model" / "booster.txt"), str(scratch / kind), kind]
    subprocess.run([*python, "-c", SAVE, *paths], check=True, capture_output=True)
    port = free_port(HOST)
    serve = ["-m", "mlflow", "models", "serve", "-m", str(scratch / kind), "--env-manager", "local"]
    where = ["--host", HOST, "--port", str(port), "--workers", "1"]
    with server_process([*python, *serve, *where], f"http://{HOST}:{port}/ping", scratch / f"{kind}.log"):
        yield f"http://{HOST}:{port}"


if __name__ == "__main__":
    main()
