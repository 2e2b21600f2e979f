"""Worlds with all that a training needs of them, made once: simulated, ingested, read out, planted, in this process.

A folder keeps them from one run to the next, under a name that holds the arguments and the state of the code.
"""

import hashlib
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from features.code_version import code_version
from pipelines.ingest import Inputs, ingest
from pipelines.models.slices import assign_slices, read_slices
from pipelines.models.train import gather, plant, read_labels
from pipelines.workspace import Workspace
from planting import Planting
from simulation import SimulationRequest, simulate

TABLES = ("examples", "truth", "slices", "planted")


@dataclass(frozen=True)
class World:
    """One made-up world as a training sees it, and the truth about it.

    Attributes:
        name: scenario, scale and seed, in words.
        examples: of all accounts, under the labels known at `as_of`.
        truth: `account_id`, `label`, `family`, `cohort`; one row per account.
        groups: what accounts belong to (`training.examples.test_set`).
        planted: examples of campaigns planted into its history.
        as_of: its end.
    """

    name: str
    examples: pl.DataFrame
    truth: pl.DataFrame
    slices: pl.DataFrame
    planted: pl.DataFrame
    as_of: datetime


def world(scenario: str, pools: Path | None, *, scale: float, seed: int, kept: Path | None = None) -> World:
    """Make a world, or take the one that is kept."""
    name = f"{scenario} at scale {scale:g}, seed {seed}" + (", real pools" if pools else "")
    with tempfile.TemporaryDirectory() as scratch:
        place = (kept or Path(scratch)) / hashlib.sha256(f"{name} {code_version(__name__)}".encode()).hexdigest()[:16]
        if not (place / "as_of.json").exists():
            place.mkdir(parents=True, exist_ok=True)
            _make(place, Path(scratch), scenario, pools, scale, seed, name)
        tables = {table: pl.read_parquet(place / f"{table}.parquet") for table in TABLES}
        as_of = datetime.fromisoformat(json.loads((place / "as_of.json").read_text()))
    return World(name=name, as_of=as_of, **tables)


def say(what: str) -> None:
    """Progress, with the time of day."""
    print(f"  {time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _make(place: Path, scratch: Path, scenario: str, pools: Path | None, scale: float, seed: int, name: str) -> None:
    tables, workspace = scratch / "world", Workspace(scratch / "workspace")
    say(f"{name}: simulating")
    simulate(SimulationRequest(scenario=scenario, out=tables, scale=scale, seed=seed, pools=pools))
    say(f"{name}: ingesting")
    parts = {part: tables / f"{part}.parquet" for part in ("accounts", "enforcement", "releases")}
    ingest(workspace, Inputs(requests=tables / "requests", **parts), reject_limit=0.01, progress=silent)
    say(f"{name}: reading features out")
    labels, as_of = read_labels(tables / "labels.parquet", 0.0), end(tables)
    examples = gather(workspace, labels, as_of, silent).examples
    truth = pl.read_parquet(tables / "truth.parquet").unique("account_id", keep="first", maintain_order=True)
    truth.write_parquet(scratch / "told.parquet")
    slices = assign_slices(workspace.lake, workspace.keyring, examples, as_of, read_slices(scratch / "told.parquet"))
    say(f"{name}: planting")
    with threadpool_limits(1, user_api="blas"):
        planted = plant(workspace, labels, as_of, Planting(seed=seed), silent)
    if planted is None:
        raise SystemExit(f"{name} is too small to plant into: give a larger --scale")
    known = truth.select("account_id", "label", "family", "cohort")
    for table, frame in zip(TABLES, (examples, known, slices, planted), strict=True):
        frame.write_parquet(place / f"{table}.parquet")
    (place / "as_of.json").write_text(json.dumps(as_of.isoformat()))  # last: what has it is whole


def end(tables: Path) -> datetime:
    """The midnight after the last request."""
    last: datetime = (
        pl.scan_parquet(tables / "requests" / "*.parquet").select(pl.col("timestamp").max()).collect().item()
    )
    return last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def silent(_step: str, _done: float) -> None:
    """Steps are told by `say`."""
