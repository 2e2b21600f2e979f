"""Planted examples of a workspace, kept: planting again for the same history, labels and dials gives the same rows."""

import hashlib
import json
import shutil
from datetime import datetime
from pathlib import Path

import polars as pl

from features.catalogue import SCHEMA_VERSION
from pipelines.build import Progress
from pipelines.planting.dials import Planting
from pipelines.planting.plant import plant
from pipelines.workspace import Workspace
from training.dataset import digest, snapshot_times


def planted_examples(
    workspace: Workspace, labels: pl.DataFrame, as_of: datetime, planting: Planting, progress: Progress
) -> pl.DataFrame | None:
    """Examples of planted campaigns, at the snapshot times of a training.

    Returns:
        See `plant`; None where the history holds too few accounts to borrow from, but some are confirmed.

    Raises:
        InputError: too few accounts to borrow from, and none is confirmed either.
    """
    kept = workspace.root / "planted" / f"{_key(workspace, labels, as_of, planting)}.parquet"
    if kept.exists():
        return pl.read_parquet(kept)
    scratch = workspace.root / "planted" / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)  # a killed run's
    scratch.mkdir(parents=True)
    try:
        examples = plant(workspace.lake, workspace.keyring, labels, snapshot_times(as_of), planting, scratch, progress)
        if examples is not None:
            _replace_all(kept, examples, scratch / "draft")
    finally:
        shutil.rmtree(scratch)
    return examples


def _key(workspace: Workspace, labels: pl.DataFrame, as_of: datetime, planting: Planting) -> str:
    parts = [planting.told(), as_of.isoformat(), workspace.lake.stamp(), digest(labels), SCHEMA_VERSION, _code()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _code() -> str:
    """Changes with what plants and what writes: another release plants anew."""
    here = Path(__file__).parent
    files = sorted(path for folder in (here, here.with_name("simulate")) for path in folder.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _replace_all(kept: Path, examples: pl.DataFrame, draft: Path) -> None:
    """Write the file whole or not at all, and drop those of other histories."""
    examples.write_parquet(draft)
    for other in kept.parent.glob("*.parquet"):
        other.unlink()
    draft.replace(kept)
