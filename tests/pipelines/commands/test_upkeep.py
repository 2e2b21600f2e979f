"""What forget, prune and compact print."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def small(made_world: Path, stillwatch: Run, tmp_path: Path) -> Path:
    """A workspace with few requests and nothing else."""
    few = tmp_path / "few.parquet"
    pl.read_parquet(min((made_world / "requests").iterdir())).head(50).write_parquet(few)
    assert stillwatch("ingest", "--requests", few, "--workspace", tmp_path / "small").returncode == 0
    return tmp_path / "small"


def test_an_account_of_a_workspace_without_a_model_is_forgotten(small: Path, stillwatch: Run, tmp_path: Path) -> None:
    account = pl.read_parquet(tmp_path / "few.parquet")["account_id"][0]
    said = stillwatch("forget", account, "--workspace", small)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("rows erased: ")
    assert "of events" in said.stdout and "proof: none of the" in said.stdout


def test_a_pruned_and_compacted_workspace_says_how_large_it_is(small: Path, stillwatch: Run) -> None:
    pruned = stillwatch("prune", "--before", "2026-04-20T00:00:00Z", "--workspace", small)
    assert pruned.returncode == 0, pruned.stderr
    assert pruned.stdout.startswith("dropped: 50 events and 0 read-outs before 2026-04-20T00:00:00Z\nthe lake: ")
    vacuumed = stillwatch("vacuum", "--workspace", small)
    assert vacuumed.returncode == 0 and vacuumed.stdout.startswith("the lake: "), vacuumed.stderr
    compacted = stillwatch("compact", "--workspace", small)
    assert compacted.returncode == 0, compacted.stderr
    assert compacted.stdout.startswith("the lake: ") and "bytes a request" not in compacted.stdout
    refused = stillwatch("prune", "--before", "2026-04-20T00:10:00Z", "--workspace", small)
    assert refused.returncode == 2 and "give a full hour" in refused.stderr
