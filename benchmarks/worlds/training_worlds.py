"""Worlds with all that a training needs of them, made once: simulated, ingested, read out, planted, in this process.

A cache folder keeps them from one run to the next, under a name that holds the arguments and the state of the code.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.measure import log_step
from benchmarks.worlds.simulated import end_of_world, ignore_progress, ingest_world
from features.code_version import code_version
from pipelines.inputs.labels import read_labels
from pipelines.models.slices import assign_slices, read_slices
from pipelines.models.train import gather, plant_examples
from pipelines.workspace import Workspace
from planting import Planting
from simulation import SimulationRequest, simulate

TABLES = ("examples", "truth", "slices", "planted")


@dataclass(frozen=True)
class TrainingWorld:
    """One simulated world as a training sees it, and the truth about it.

    Attributes:
        name: scenario, scale and seed, in words.
        examples: of all accounts, under the labels known at `as_of`.
        truth: `account_id`, `label`, `family`, `cohort`; one row per account.
        slices: what accounts belong to (`training.examples.test_set`).
        planted: examples of campaigns planted into its history.
        as_of: its end.
    """

    name: str
    examples: pl.DataFrame
    truth: pl.DataFrame
    slices: pl.DataFrame
    planted: pl.DataFrame
    as_of: datetime


def prepare_world(
    scenario: str, pools: Path | None, *, scale: float, seed: int, cache: Path | None = None
) -> TrainingWorld:
    """Make a world, or read it from the cache."""
    name = f"{scenario} at scale {scale:g}, seed {seed}" + (", real pools" if pools else "")
    key = hashlib.sha256(f"{name} {code_version(__name__)}".encode()).hexdigest()[:16]
    with tempfile.TemporaryDirectory() as scratch:
        folder = (cache or Path(scratch)) / key
        if not (folder / "as_of.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            out = Path(scratch) / "world"
            request = SimulationRequest(scenario=scenario, out=out, scale=scale, seed=seed, pools=pools)
            _make(name, request, Workspace(Path(scratch) / "workspace"), folder)
        tables = {table: pl.read_parquet(folder / f"{table}.parquet") for table in TABLES}
        as_of = datetime.fromisoformat(json.loads((folder / "as_of.json").read_text()))
    return TrainingWorld(name=name, as_of=as_of, **tables)


def _make(name: str, request: SimulationRequest, workspace: Workspace, folder: Path) -> None:
    log_step(f"{name}: simulating")
    simulate(request)
    world = request.out
    log_step(f"{name}: ingesting")
    ingest_world(workspace, world)
    log_step(f"{name}: reading features out")
    labels, as_of = read_labels(world / "labels.parquet", 0.0), end_of_world(world)
    examples = gather(workspace, labels, as_of, ignore_progress).frame
    truth = pl.read_parquet(world / "truth.parquet").unique("account_id", keep="first", maintain_order=True)
    account_truth = world / "truth_by_account.parquet"
    truth.write_parquet(account_truth)
    slices = assign_slices(workspace.lake, workspace.keyring, examples, as_of, read_slices(account_truth))
    log_step(f"{name}: planting")
    with threadpool_limits(1, user_api="blas"):
        planted = plant_examples(workspace, labels, as_of, Planting(seed=request.seed), ignore_progress)
    if planted is None:
        raise SystemExit(f"{name} is too small to plant into: give a larger --scale")
    truth = truth.select("account_id", "label", "family", "cohort")
    for table, frame in zip(TABLES, (examples, truth, slices, planted), strict=True):
        frame.write_parquet(folder / f"{table}.parquet")
    (folder / "as_of.json").write_text(json.dumps(as_of.isoformat()))  # last: a folder that has it is complete
