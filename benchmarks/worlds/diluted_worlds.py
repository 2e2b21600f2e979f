"""Cells of a judged world, made once and kept: simulated, diluted, ingested, read out."""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.worlds.diluted import Cell, diluted
from benchmarks.worlds.training_worlds import end, say, silent
from features.accounts import read_out
from features.code_version import code_version
from pipelines.campaigns.memberships import with_in_campaign
from pipelines.ingest import Inputs, ingest
from pipelines.models.detectors import with_detectors
from pipelines.models.train import VOLUME_FEATURE
from pipelines.workspace import Workspace
from simulation import SimulationRequest, simulate

BESIDE = ("accounts", "enforcement", "releases")


def cells(
    scenario: str, pools: Path | None, chosen: Sequence[Cell], *, scale: float, seed: int, kept: Path | None = None
) -> Mapping[Cell, pl.DataFrame]:
    """Features of every account of each cell at the world's end, whether it was in a campaign then, and the truth.

    Of the truth: `true`, `family` and `cohort`.
    """
    name = f"{scenario} {scale:g} {seed} {pools is not None} {code_version(__name__)}"
    with tempfile.TemporaryDirectory() as scratch:
        folder = (kept or Path(scratch)) / f"cells-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        files = {cell: folder / f"{cell.requests}-{cell.share:g}.parquet" for cell in chosen}
        lacking = [cell for cell in chosen if not files[cell].exists()]
        if lacking:
            folder.mkdir(parents=True, exist_ok=True)
            tables = Path(scratch) / "world"
            simulate(SimulationRequest(scenario=scenario, out=tables, scale=scale, seed=seed, pools=pools))
            for cell in lacking:
                say(f"cell: {cell.name}")
                _judged(tables, cell, seed, Path(scratch) / cell.name).write_parquet(files[cell])
        return {cell: pl.read_parquet(file) for cell, file in files.items()}


def several(
    scenario: str, pools: Path | None, chosen: Sequence[Cell], seeds: Sequence[int], *, scale: float, kept: Path | None
) -> Mapping[Cell, pl.DataFrame]:
    """The cells of several worlds together; each keeps its own campaigns as of its own end."""
    every: dict[Cell, list[pl.DataFrame]] = {cell: [] for cell in chosen}
    for seed in seeds:
        for cell, frame in cells(scenario, pools, chosen, scale=scale, seed=seed, kept=kept).items():
            every[cell].append(frame.with_columns(pl.format("{}-{}", pl.lit(seed), "account_id").alias("account_id")))
    return {cell: pl.concat(frames) for cell, frames in every.items()}


def _judged(tables: Path, cell: Cell, seed: int, scratch: Path) -> pl.DataFrame:
    workspace, log = Workspace(scratch / "workspace"), scratch / "requests.parquet"
    truth, as_of = pl.read_parquet(tables / "truth.parquet"), end(tables)
    workspace.root.mkdir(parents=True, exist_ok=True)
    diluted(pl.read_parquet(tables / "requests" / "*.parquet"), truth, cell, seed).write_parquet(log)
    parts = {part: tables / f"{part}.parquet" for part in BESIDE}
    ingest(workspace, Inputs(requests=log, **parts), reject_limit=0.01, progress=silent)
    features = read_out(workspace.lake, as_of).filter(pl.col(VOLUME_FEATURE).is_not_null())
    with threadpool_limits(1, user_api="blas"):
        rows = with_detectors(workspace.lake, features)
    timed = rows.with_columns(as_of=pl.lit(as_of).cast(pl.Datetime("us", "UTC")))
    rows = with_in_campaign(workspace, timed, silent).drop("as_of")
    known = truth.unique("account_id", keep="first", maintain_order=True)
    return rows.join(known.select("account_id", "family", "cohort", true="label"), on="account_id")
