"""A cache of planted examples: planting again for the same history, labels and settings gives the same rows."""

import hashlib
import json
import shutil
from pathlib import Path

import polars as pl

from features.catalogue import SCHEMA_VERSION
from features.code_version import code_version
from features.progress import Progress
from features.tables.sealed_file import check_sealed, remove_sealed, replace_sealed
from planting.plant import ProviderHistory, plant
from planting.settings import Planting
from training.examples.dataset import digest


def planted_examples(
    history: ProviderHistory, planting: Planting, folder: Path, progress: Progress
) -> pl.DataFrame | None:
    """Read the examples of planted campaigns from the cache in a folder, or plant them anew.

    Returns:
        See `plant`.

    Raises:
        InputError: see `plant`.
        IntegrityError: the cache is damaged.
    """
    cached = folder / f"{_key(history, planting)}.parquet"
    if cached.exists():
        check_sealed(cached)
        return pl.read_parquet(cached)
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)  # left by a run that was killed
    scratch.mkdir(parents=True)
    try:
        examples = plant(history, planting, scratch, progress)
        if examples is not None:
            _replace_all(cached, examples, scratch / "draft")
    finally:
        shutil.rmtree(scratch)
    return examples


def _key(history: ProviderHistory, planting: Planting) -> str:
    times = [time.isoformat() for time in sorted(history.times)]
    code = code_version("planting.plant")
    parts = [planting.as_json(), times, history.lake.stamp(history.as_of), digest(history.labels), SCHEMA_VERSION, code]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _replace_all(cached: Path, examples: pl.DataFrame, draft: Path) -> None:
    """Write the cache file whole or not at all, and drop older ones."""
    examples.write_parquet(draft)
    for stale in cached.parent.glob("*.parquet"):
        remove_sealed(stale)
    replace_sealed(draft, cached)
