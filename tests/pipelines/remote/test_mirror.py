"""The folder of copies: it follows the objects, never runs ahead of them, and upkeep reaches both."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from features.errors import InputError, StillwatchError
from features.tables.schema_change import Change
from pipelines.remote.object_store import ObjectStore
from pipelines.remote.opening import open_address
from pipelines.remote.shared_files import is_data
from pipelines.upkeep import migrate
from pipelines.upkeep.forget import forget_accounts
from pipelines.upkeep.retention import compact_lake, prune_lake, vacuum_lake
from pipelines.workspace import Workspace
from tests.pipelines.remote.conftest import copy_to, files_of, objects_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SetVariables = Callable[..., None]


def quietly(_step: str, _done: float) -> None:
    """Report no progress."""


@pytest.fixture
def use(address: str, set_variables: SetVariables, tmp_path: Path) -> Callable[[str], Workspace]:
    """Opens the workspace on a machine."""

    def begin(machine: str) -> Workspace:
        set_variables(STILLWATCH_CACHE=str(tmp_path / machine))
        return Workspace(open_address(address))

    return begin


@pytest.fixture
def filled(use: Callable[[str], Workspace], store: ObjectStore, small_workspace: Path) -> Workspace:
    """The workspace on the first machine, after two ingests."""
    copy_to(store, small_workspace)
    workspace = use("first")
    assert workspace.mirror is not None
    workspace.mirror.fetch_all()
    return workspace


def rows(workspace: Workspace, table: str = "events") -> pl.DataFrame:
    frame = workspace.lake.scan(table).collect()
    return frame.sort([name for name, kind in frame.schema.items() if not isinstance(kind, pl.List)])


def test_what_a_killed_command_left_in_the_folder_alone_is_thrown_away(
    filled: Workspace, store: ObjectStore, use: Callable[[str], Workspace]
) -> None:
    before = files_of(filled.root)
    ahead = next((filled.root / "lake" / "accounts" / "_delta_log").glob("*.json"))
    ahead.with_name(f"{7:020d}.json").write_bytes(ahead.read_bytes())
    (filled.root / "lake" / "events" / "0123456789abcdef-left.parquet").write_bytes(b"left")
    (filled.root / "lake" / "events" / "_draft-left.parquet").write_bytes(b"left")
    with use("first").locked("build"):
        pass
    assert files_of(filled.root).items() == before.items() | {("lake/events/_draft-left.parquet", b"left")}
    assert not ahead.with_name(f"{7:020d}.json").exists()
    assert "left" not in " ".join(store.list())


def test_a_copy_that_is_damaged_is_fetched_again(filled: Workspace, use: Callable[[str], Workspace]) -> None:
    events, whole = rows(filled), files_of(filled.root)
    for path in [*files_of(filled.root), "lake/events/_seal.json", *_logs(filled)]:
        with (filled.root / path).open("r+b") as file:
            file.seek(30)
            file.write(b"damage")
    workspace = use("first")
    assert rows(workspace).equals(events) and len(rows(workspace, "key_rollups")) and len(rows(workspace, "accounts"))
    assert files_of(filled.root).items() >= {item for item in whole.items() if "/events/" in item[0]}


def _logs(workspace: Workspace) -> list[str]:
    return [str(path.relative_to(workspace.root)) for path in workspace.root.rglob("_delta_log/*.json")]


def commit(workspace: Workspace, before: Callable[[], object] = lambda: None) -> None:
    """Append to a table that was empty; something happens just before."""
    before()
    workspace.lake.append("releases", [pl.DataFrame({"model": [7], "released_at": [NOW]})], 5)


def commit_locked(workspace: Workspace, before: Callable[[], object]) -> None:
    with workspace.locked("ingest"):
        commit(workspace, before)


def test_of_two_machines_that_commit_one_version_one_wins_and_the_other_is_told(
    filled: Workspace, store: ObjectStore, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is got around: it is only the first of two fences."""
    monkeypatch.setattr("pipelines.remote.lease.Lease.check", lambda self: None)
    path = f"lake/releases/_delta_log/{0:020d}.json"
    with pytest.raises(StillwatchError, match=f"another command has written {address}/{path} meanwhile"):
        commit_locked(filled, lambda: store.create(path, b"of another machine"))
    assert (store.read(path) or (b"", ""))[0] == b"of another machine"


def test_an_owner_that_has_lost_the_lock_commits_nothing(filled: Workspace, store: ObjectStore) -> None:
    with pytest.raises(StillwatchError, match=r"was lost, .* nothing was stored after that"):
        commit_locked(filled, lambda: store.delete({"lock"}))
    assert not [path for path in store.list() if path.startswith("lake/releases")]


def test_in_another_process_a_lake_finds_its_objects_again(filled: Workspace) -> None:
    lake = copy(filled.lake)
    for path in files_of(filled.root):
        (filled.root / path).unlink()
    assert replace(lake, remote=copy(lake.remote)).scan("events").collect().height == 140


def test_nothing_is_committed_without_the_lock(filled: Workspace) -> None:
    with pytest.raises(StillwatchError, match="by a command that does not hold it"):
        commit(filled)


def test_upkeep_changes_the_objects_as_it_would_a_folder_and_leaves_no_old_ones(
    filled: Workspace, store: ObjectStore, use: Callable[[str], Workspace], tmp_path: Path
) -> None:
    copied, other = Workspace(objects_of(store, tmp_path / "folder")), use("second")
    steps: dict[str, Callable[[Workspace], int]] = {
        "compact": lambda workspace: compact_lake(workspace).files_after,
        "prune": lambda workspace: prune_lake(workspace, datetime(2026, 4, 6, 12, tzinfo=UTC), now=NOW).events,
        "forget": lambda workspace: forget_accounts(workspace, ["a1"], quietly, now=NOW).rows["events"],
        "vacuum": lambda workspace: vacuum_lake(workspace).events,
    }
    for name, step in steps.items():
        changes = []
        for workspace in (copied, other):
            with workspace.locked(name):
                changes.append(step(workspace))
        assert changes[0] == changes[1] > 0, name
        assert {path for path in store.list() if is_data(path)} == files_of(copied.root).keys(), name
    logs = {path for path in store.list() if "_delta_log" in path}
    assert logs == {path.relative_to(copied.root).as_posix() for path in copied.root.rglob("_delta_log/*")}
    assert rows(use("first")).equals(rows(copied))
    assert "a1" not in rows(copied)["account_id"].to_list()


def test_a_table_of_an_older_release_is_not_carried_over_there(
    filled: Workspace, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert migrate.migrate_lake(filled) == []
    change = Change("accounts", ("programme",), (), is_derived=False)
    monkeypatch.setattr(migrate, "plan_changes", lambda lake: [change])
    with pytest.raises(InputError, match=f"table accounts of {address} is of an older version, .*copy all below"):
        migrate.migrate_lake(filled)
