"""One account over one connection, in turns: bare FastAPI, stillwatch, and `mlflow models serve`.

The same trees answer behind all three. FastAPI reads features from a dict and gives a bare risk; MLflow is sent the
features and looks nothing up; stillwatch reads them from Feast's online store, checks what it is sent, and gives
reasons for accounts worth a look.
"""

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
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from benchmarks.endpoint.bare import Matrix, bodies_asking, fastapi_running, fill_store, make_model
from features.catalogue import FEATURE_NAMES
from serving.package import package_model
from serving.process import free_port, server_process
from serving.server import HOST, Options, running_server
from training.models import model as models

ROUNDS = 5
WARM_UP = 50
SAVE = """
import sys, lightgbm, mlflow, numpy, pandas
booster = lightgbm.Booster(model_file=sys.argv[1])
columns = booster.feature_name()
frame = pandas.DataFrame(numpy.zeros((2, len(columns))), columns=columns)
signature = mlflow.models.infer_signature(frame, numpy.zeros(2)) if sys.argv[3] == "signed" else None
mlflow.lightgbm.save_model(booster, sys.argv[2], signature=signature)
"""

Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rival:
    """A server and how it is asked: where, the body of each call by its number, and how often."""

    name: str
    url: str
    path: str
    body: Callable[[int], bytes]
    calls: int


def compare(calls: int) -> None:
    """Make a model and a store, start the servers, measure in turns, print the table."""
    with tempfile.TemporaryDirectory(prefix="stillwatch-bench-") as scratch, ExitStack() as servers:
        times = time_calls(start_servers(Path(scratch), calls, servers))
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
