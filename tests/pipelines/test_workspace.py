"""The workspace: one writer at a time, one key for ever, and nothing left of a killed run."""

import fcntl
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from features.errors import InputError, IntegrityError
from pipelines.settings import settings
from pipelines.workspace import Owner, Workspace

SetKey = Callable[[str | None], None]


@pytest.fixture
def set_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetKey]:
    """Sets the key of the environment, or takes it away."""

    def change(key: str | None) -> None:
        monkeypatch.delenv("STILLWATCH_KEY", raising=False)
        if key:
            monkeypatch.setenv("STILLWATCH_KEY", key)
        settings.cache_clear()

    change(None)
    yield change
    settings.cache_clear()


def test_a_second_writer_gets_a_sentence_and_touches_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    with workspace.locked("build") as scratch:
        (scratch / "draft").touch()
        owner = rf"`stillwatch build` \(process {os.getpid()} on \S+, since 20\S+Z, 0 minutes ago\)"
        with (
            pytest.raises(InputError, match=owner + " writes to .*/w: wait for it to end"),
            Workspace(workspace.root).locked("score"),
        ):
            pass
        assert (scratch / "draft").exists()
    assert not scratch.exists()


def test_the_lock_is_free_again_after_an_error_and_a_killed_runs_drafts_are_removed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(OSError, match="disk is full"), workspace.locked("build"):
        raise OSError("disk is full")
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "left").touch()
    with workspace.locked("build") as scratch:
        assert list(scratch.iterdir()) == []


def test_a_workspace_that_a_failed_command_made_and_did_not_fill_is_removed(tmp_path: Path, set_key: SetKey) -> None:
    set_key(None)

    def refuse(workspace: Workspace, stored: str) -> None:
        with workspace.locked("ingest"):
            assert workspace.keyring
            if stored:
                (workspace.root / stored).mkdir()
            raise InputError("refused")

    def fail(workspace: Workspace, stored: str) -> None:
        with pytest.raises(InputError, match="refused"):
            refuse(workspace, stored)

    fail(Workspace(tmp_path / "a" / "b" / "w"), "")
    assert list(tmp_path.iterdir()) == []
    fail(Workspace(tmp_path / "w"), "lake")
    fail(Workspace(tmp_path / "w"), "")
    assert {path.name for path in (tmp_path / "w").iterdir()} == {"key", "key.fingerprint", "lock", "lake"}
    (tmp_path / "old").mkdir()
    fail(Workspace(tmp_path / "old"), "")
    assert (tmp_path / "old" / "key").exists()


def test_a_lock_of_another_process_counts_also_before_its_owner_has_signed(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another command writes"), Workspace(tmp_path).locked("build"):
            pass


def test_a_killed_owner_is_not_named_any_more(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps(asdict(Owner("train", 1, "gone", "2026-01-01T00:00:00Z"))))
    with (
        Workspace(tmp_path).locked("build"),
        pytest.raises(InputError, match="`stillwatch build`"),
        Workspace(tmp_path).locked("score"),
    ):
        pass
    assert (tmp_path / "lock").read_text() == ""


@pytest.mark.parametrize(("later", "age"), [(timedelta(minutes=119), "119 minutes"), (timedelta(hours=50), "50 hours")])
def test_an_owner_is_described_with_its_age(later: timedelta, age: str) -> None:
    owner = Owner("retrain", 12, "here", "2026-01-01T00:00:00Z")
    words = owner.describe(datetime(2026, 1, 1, tzinfo=UTC) + later)
    assert words == f"`stillwatch retrain` (process 12 on here, since 2026-01-01T00:00:00Z, {age} ago)"


def test_an_ingest_beside_another_writer_stores_nothing_and_two_later_ones_double_nothing(
    command: list[str], key: str, made_world: Path, tmp_path: Path
) -> None:
    day = min((made_world / "requests").iterdir())
    workspace = Workspace(tmp_path / "w")

    def ingest() -> subprocess.CompletedProcess[str]:
        call = [*command, "ingest", "--requests", str(day), "--workspace", str(workspace.root)]
        return subprocess.run(call, env={"STILLWATCH_KEY": key}, capture_output=True, text=True, timeout=120)

    with workspace.locked("build"):
        refused = ingest()
        assert (refused.returncode, "`stillwatch build`" in refused.stderr) == (2, True)
        assert not (workspace.root / "lake").exists()
    assert [ingest().returncode for _ in range(2)] == [0, 0]
    assert len(workspace.lake.scan("events").collect()) == pl.read_parquet(day)["request_id"].n_unique()


def test_a_key_is_made_once_and_only_its_owner_may_read_it(set_key: SetKey, tmp_path: Path) -> None:
    first = Workspace(tmp_path).keyring
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert Workspace(tmp_path).keyring.fingerprint == first.fingerprint
    assert Workspace(tmp_path / "other").keyring.fingerprint != first.fingerprint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.fingerprint", "other"]


def test_a_key_of_the_environment_is_not_written_down(set_key: SetKey, tmp_path: Path) -> None:
    set_key("5a" * 32)
    keyring = Workspace(tmp_path).keyring
    assert [path.name for path in tmp_path.iterdir()] == ["key.fingerprint"]
    assert "5a5a5a" not in (tmp_path / "key.fingerprint").read_text() + repr(keyring)


def test_another_key_than_the_workspaces_is_refused(set_key: SetKey, tmp_path: Path) -> None:
    set_key("5a" * 32)
    assert Workspace(tmp_path).keyring
    for other in ("7c" * 32, None):
        set_key(other)
        with pytest.raises(InputError, match=r"filled under another key, .*: set STILLWATCH_KEY to that key"):
            Workspace(tmp_path).keyring  # noqa: B018


def test_a_damaged_key_is_an_integrity_error(set_key: SetKey, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not hexadecimal")
    with pytest.raises(IntegrityError, match="does not hold a key: restore it from a copy"):
        Workspace(tmp_path).keyring  # noqa: B018
