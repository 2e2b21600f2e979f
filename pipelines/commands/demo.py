"""The demo: everything once on a small simulated world, up to scores over HTTP and a case to work."""

import json
import shutil
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from features.errors import InputError, StillwatchError
from features.progress import Progress
from pipelines.commands.options import CONSOLE_PORT
from pipelines.console.first_case import FirstCase, open_first_case
from pipelines.ingest import Inputs, ingest
from pipelines.inputs.labels import read_labels
from pipelines.models.train import VersionRequest
from pipelines.retrain import Retrained, retrain
from pipelines.score import score as score_accounts
from pipelines.servers.endpoint import endpoint_options
from pipelines.settings import settings
from pipelines.workspace import Workspace
from planting import Planting
from serving.server import running_server
from simulation import SimulationRequest, simulate

_MARK = "made-by-stillwatch-demo"
_DAYS = 21  # that the simulated world lasts


def run_demo(root: Path, *, now: datetime, seed: int, progress: Progress) -> list[str]:
    """Run every step in a folder of its own, which is emptied if an earlier demo made it.

    Args:
        root: the workspace.
        now: the clock; the simulated world ends at the last midnight before it.
        seed: of the world and of the training.
        progress: called with the step and the share done.

    Returns:
        The lines to print.

    Raises:
        InputError: the folder holds something that is not of a demo.
    """
    world, workspace = root / "world", Workspace(root)
    _claim(root)
    as_of = now.replace(hour=0, minute=0, second=0, microsecond=0)
    simulate(
        SimulationRequest(scenario="small", out=world, seed=seed, days=_DAYS, start=as_of - timedelta(days=_DAYS)),
        progress=lambda _day, done: progress("simulating", done),
    )
    limit = settings().reject_limit
    tables = {name: world / f"{name}.parquet" for name in ("accounts", "enforcement", "releases")}
    counts = ingest(workspace, Inputs(world / "requests", **tables), reject_limit=limit, progress=progress)
    labels = read_labels(world / "labels.parquet", limit)
    with workspace.locked("demo"):
        request = VersionRequest(labels=labels, as_of=as_of, seed=seed, planting=Planting(seed=seed))
        result = retrain(workspace, request, progress=progress, now=now)
        scores = score_accounts(workspace, as_of, root / "scores.parquet", progress)
    if result.bento is None:
        raise StillwatchError(
            f"the demo's model did not pass the gate: {' '.join((*result.objections, *result.reasons))}"
        )
    bad, good = _pick(scores, pl.read_parquet(world / "truth.parquet"))
    progress("serving", 0.0)
    with running_server(result.bento, endpoint_options(workspace, is_open=True), log=root / "serve.log") as url:
        answer = _ask(url, [bad, good])
    progress("serving", 1.0)
    first = open_first_case(workspace, now, progress)
    stored = counts["requests"].stored
    return [
        *_summary(root, stored, len(scores), result),
        *_both_scores(answer),
        *_console(workspace, first),
        *_next_commands(workspace, as_of),
    ]


def _claim(root: Path) -> None:
    """Empty the folder of an earlier demo, and mark it as a demo's."""
    if root.exists() and any(root.iterdir()) and not (root / _MARK).exists():
        raise InputError(f"{root} holds something that is not of a demo: choose another --workspace.")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / _MARK).touch()


def _pick(scores: pl.DataFrame, truth: pl.DataFrame) -> tuple[str, str]:
    """Pick the account of a campaign with the highest risk and the honest account with the median risk."""
    labelled = scores.join(truth.unique("account_id").select("account_id", "label"), on="account_id").sort("risk")
    bad, good = labelled.filter(pl.col("label")), labelled.filter(~pl.col("label"))
    return bad["account_id"][-1], good["account_id"][len(good) // 2]


def _ask(url: str, account_ids: list[str]) -> dict[str, Any]:
    """Ask the endpoint for scores."""
    body = json.dumps({"account_ids": account_ids}).encode()
    request = urllib.request.Request(f"{url}/score", body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  (our own loopback address)
        answer: dict[str, Any] = json.load(response)
    return answer


def _summary(root: Path, requests: int, accounts: int, result: Retrained) -> list[str]:
    """Say what was ingested, scored and trained."""
    assert result.fitted is not None  # refused data gave an error before
    counts = result.fitted.counts
    return [
        "",
        f"{requests:,} requests ingested, their text dropped; {accounts:,} accounts scored: {root / 'scores.parquet'}",
        f"model version {result.fitted.version}: judged on {counts['test_positives']} accounts of campaigns held out "
        f"of training and {counts['test_accounts'] - counts['test_positives']} others",
        "",
    ]


def _both_scores(answer: dict[str, Any]) -> list[str]:
    """Describe both accounts as the endpoint scored them."""
    lines = []
    for kind, score in zip(("an account of a campaign", "an honest account"), answer["scores"], strict=True):
        lines.append(f"{kind}: {score['account_id']}, risk {score['risk']:.4f}, {score['status']}")
        lines += [f"  - {reason}" for reason in score["reasons"]]
    return lines


def _console(workspace: Workspace, first: FirstCase) -> list[str]:
    """Say how to work the first case."""
    return [
        "",
        f"analysts' console:   stillwatch console --workspace '{workspace.root}'",
        f"  sign in at http://127.0.0.1:{CONSOLE_PORT}{first.path} as {first.user} with {first.password}",
        f"  a case about {first.accounts} accounts waits there" if first.accounts else "  no campaign is reported",
    ]


def _next_commands(workspace: Workspace, as_of: datetime) -> list[str]:
    """List the commands to go on with."""
    root, time = workspace.root, f"{as_of:%Y-%m-%dT%H:%M:%SZ}"
    return [
        "",
        f"look at the runs:    stillwatch ui --workspace '{root}'",
        f"score all accounts:  stillwatch score --as-of {time} --out scores.parquet --workspace '{root}'",
        f"serve the endpoint:  stillwatch serve --open --port 3000 --workspace '{root}'",
    ]
