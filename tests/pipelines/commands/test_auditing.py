"""What commands leave in the audit log, and that nothing is begun that cannot be noted."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.errors import InputError
from pipelines.commands.auditing import audited
from pipelines.workspace import Workspace
from serving.access.audit import AuditLog


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "access" / "audit.jsonl")


def noted(log: AuditLog) -> list[tuple[object, Any]]:
    return [(entry["event"], entry["details"]) for entry in log.entries()]


def test_begin_and_end_are_noted_with_who_and_what(log: AuditLog) -> None:
    with audited(log, "prune", before="2026-06-01") as outcome:
        outcome["events"] = 7
    (begun, asked), (done, result) = noted(log)
    assert (begun, asked["before"]) == ("prune begun", "2026-06-01")
    assert (done, result["events"]) == ("prune done", 7)
    assert asked["user"] == result["user"] != ""


def test_a_command_that_fails_leaves_its_kind_of_error_and_not_its_words(log: AuditLog) -> None:
    with pytest.raises(ValueError, match="canary"), audited(log, "forget"):
        raise ValueError("canary")
    assert [event for event, _ in noted(log)] == ["forget begun", "forget failed"]
    assert noted(log)[1][1]["error"] == "ValueError"
    assert "canary" not in log.path.read_text()


@pytest.mark.parametrize("obstacle", ["folder", "no chain"])
def test_what_can_not_be_noted_is_not_begun(log: AuditLog, obstacle: str) -> None:
    if obstacle == "folder":
        log.path.mkdir(parents=True)
    else:
        log.path.parent.mkdir()
        log.path.write_text("no entry\n")
    with pytest.raises(InputError, match="prune was not begun"), audited(log, "prune"):
        raise AssertionError("begun")
    assert log.failures == 1


def test_forget_and_prune_are_noted_and_name_accounts_by_pseudonyms(
    made_world: Path, stillwatch: Any, tmp_path: Path
) -> None:
    few, root = tmp_path / "few.parquet", tmp_path / "small"
    pl.read_parquet(min((made_world / "requests").iterdir())).head(50).write_parquet(few)
    assert stillwatch("ingest", "--requests", few, "--workspace", root).returncode == 0
    account, log = pl.read_parquet(few)["account_id"][0], Workspace(root).audit_log
    assert stillwatch("forget", account, "--workspace", root).returncode == 0
    assert stillwatch("prune", "--before", "2026-04-20T00:00:00Z", "--workspace", root).returncode == 0
    assert stillwatch("prune", "--before", "2026-04-20T00:10:00Z", "--workspace", root).returncode == 2
    entries = noted(log)
    assert [event for event, _ in entries] == [
        *("forget begun", "forget done", "prune begun", "prune done", "prune begun", "prune failed")
    ]
    assert entries[0][1]["accounts"] == entries[1][1]["accounts"] == [log.pseudonym(account)]
    assert entries[1][1]["rows"]["events"] > 0 and account not in log.path.read_text()
    assert "6 entries, whole" in stillwatch("audit", "verify", "--workspace", root).stdout
    log.path.unlink()
    log.path.mkdir()
    kept_rows = len(Workspace(root).lake.scan("events").collect())
    refused = stillwatch("forget", "anybody", "--workspace", root)
    assert (refused.returncode, "so forget was not begun" in refused.stderr) == (2, True)
    assert len(Workspace(root).lake.scan("events").collect()) == kept_rows


def test_the_clock_of_an_entry_is_this_machine_s(log: AuditLog) -> None:
    begin = datetime.now(UTC)
    with audited(log, "promote"):
        pass
    times = [datetime.fromisoformat(str(entry["at"])) for entry in log.entries()]
    assert all(abs((time - begin).total_seconds()) < 60 for time in times)
