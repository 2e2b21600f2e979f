"""Migrate, over the command line."""

import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import dataframely as dy
import polars as pl
import pytest

from features.lake import TABLES

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_workspace_of_an_older_release_is_carried_over_and_then_works(
    made_world: Path, stillwatch: Run, as_of: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pl.read_parquet(min((made_world / "requests").iterdir())).head(50).write_parquet(tmp_path / "few.parquet")
    older = {name: column for name, column in TABLES["events"].columns().items() if name != "conversation"}
    tables = ("--requests", tmp_path / "few.parquet", "--accounts", made_world / "accounts.parquet")
    with monkeypatch.context() as then:
        then.setitem(TABLES, "events", type("Older", (dy.Schema,), older))
        assert stillwatch("ingest", *tables, "--workspace", "w").returncode == 0
    refused = stillwatch("build", "--as-of", as_of.isoformat(), "--workspace", "w")
    assert (refused.returncode, "run `stillwatch migrate`" in refused.stderr) == (1, True)
    migrated = stillwatch("migrate", "--workspace", "w")
    assert (migrated.returncode, migrated.stdout) == (0, "events: conversation added as null\n")
    again = stillwatch("migrate", "--workspace", "w")
    assert (again.returncode, again.stdout) == (0, "all tables are of the present version\n")
    repeated = stillwatch("ingest", *tables, "--workspace", "w")
    assert "1 stored before" in repeated.stdout
