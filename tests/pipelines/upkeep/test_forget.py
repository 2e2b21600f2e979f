"""Forget, over a workspace with everything in it."""

import fcntl
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from features.errors import InputError
from features.identity import Keyring
from features.tables.journal import Journal
from pipelines.upkeep.forget import forget_accounts
from pipelines.upkeep.proof import find_traces
from pipelines.workspace import Workspace
from tests.features.conftest import SECRET, make_world

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_forgotten_accounts_are_nowhere_and_the_others_are_scored_and_judged_as_before(
    filled_workspace: Path, scores: pl.DataFrame, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    root = shutil.copytree(filled_workspace, tmp_path / "copied")
    judged = pl.read_parquet(next(root.rglob("test_set/test_set.parquet")))
    gone = [judged["account_id"][0], scores.sort("risk")["account_id"][-1]]
    said = stillwatch("forget", *gone, "--workspace", root)
    assert said.returncode == 0, said.stderr
    assert "of events" in said.stdout and "of key_rollups" in said.stdout
    assert said.stdout.splitlines()[-1].startswith("proof: none of the ")
    assert find_traces(root, gone) == []
    for path in root.rglob("*"):
        assert not path.is_file() or not any(account.encode() in path.read_bytes() for account in gone)
    out = tmp_path / "scores.parquet"
    scored = stillwatch("score", "--as-of", as_of.isoformat(), "--out", out, "--workspace", root)
    assert scored.returncode == 0, scored.stderr
    after = pl.read_parquet(out)
    assert after["account_id"].to_list() == [account for account in scores["account_id"] if account not in gone]
    changes = after.join(scores, on="account_id").select((pl.col("risk") - pl.col("risk_right")).abs())["risk"]
    assert (changes < 0.01).mean() > 0.9
    promoted = stillwatch("promote", "--version", 1, "--workspace", root)
    assert promoted.returncode == 0, promoted.stderr
    again = stillwatch("forget", *gone, "--workspace", root)
    assert again.returncode == 0, again.stderr
    assert "nothing was stored of these accounts" in again.stdout


@pytest.mark.parametrize("accounts", [[], ["a", " "]])
def test_a_blank_id_is_refused(accounts: list[str], tmp_path: Path, as_of: datetime) -> None:
    with pytest.raises(InputError, match="has a blank id: give the ids as the logs have them"):
        forget_accounts(Workspace(tmp_path), accounts, lambda _step, _done: None, now=as_of)


def test_what_a_killed_follower_left_in_its_journal_is_erased_too(
    stillwatch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLWATCH_KEY", SECRET.hex())
    events = make_world(Keyring(SECRET), 8, 240).events
    root = tmp_path / "workspace"
    Workspace(root).lake.append("events", [events[:100]], 1)
    journal = Journal(root / "journal", is_synced=False)
    journal.append(events[100:])
    journal.close_segment()
    gone = events["account_id"][-1]
    with (root / "follow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = stillwatch("forget", gone, "--workspace", root, STILLWATCH_KEY=SECRET.hex())
        assert refused.returncode == 2 and "another `stillwatch follow` runs" in refused.stderr
    done = stillwatch("forget", gone, "--workspace", root, STILLWATCH_KEY=SECRET.hex())
    assert done.returncode == 0, done.stderr
    assert not list((root / "journal").iterdir())
    left = Workspace(root).lake.scan("events").collect()["account_id"]
    assert sorted(left) == sorted(events.filter(pl.col("account_id") != gone)["account_id"])
