"""Simulated worlds on disk, as measurements use them: their tables ingested, and their end."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from pipelines.ingest import Inputs, ingest
from pipelines.workspace import Workspace
from simulation import SimulationRequest, simulate
from simulation.audit.single_column import AUDIT_SIZES, enlarge_families
from simulation.presets import PRESETS

REJECT_LIMIT = 0.01  # share of bad rows above which an ingest stops, the default of `stillwatch ingest`


def simulate_small(scenario: str, world: Path, *, seed: int, pools: Path | None, times: float = 1.0) -> None:
    """Simulate a scenario at the small size of the audit, or so many times of it, into the folder `world`."""
    scale, days = AUDIT_SIZES[scenario]
    enlarged = enlarge_families(PRESETS[scenario], scale)
    simulate(SimulationRequest(scenario=enlarged, out=world, scale=scale * times, seed=seed, days=days, pools=pools))


def ingest_world(workspace: Workspace, world: Path, requests: Path | None = None) -> None:
    """Ingest a world's tables.

    Args:
        workspace: takes them.
        world: folder that `simulate` wrote.
        requests: a log to ingest instead of the world's own, with the world's other tables.
    """
    tables = {name: world / f"{name}.parquet" for name in ("accounts", "enforcement", "releases")}
    ingest_quietly(workspace, Inputs(requests=requests or world / "requests", **tables))


def ingest_quietly(workspace: Workspace, inputs: Inputs) -> None:
    """Ingest without progress bars."""
    ingest(workspace, inputs, reject_limit=REJECT_LIMIT, progress=ignore_progress)


def end_of_world(world: Path) -> datetime:
    """The midnight after the last request."""
    return midnight_after(pl.scan_parquet(world / "requests" / "*.parquet"))


def midnight_after(rows: pl.LazyFrame) -> datetime:
    """The midnight after the last `timestamp`."""
    last: datetime = rows.select(pl.col("timestamp").max()).collect().item()
    return last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def ignore_progress(_step: str, _done: float) -> None:
    """Do nothing: measurements report their own steps."""
