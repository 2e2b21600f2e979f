"""Commands on an object store: the same bits as in a folder, whole after a kill, and one writer at a time."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from features.accounts import read_out
from features.errors import InputError
from features.lake import Lake
from pipelines.console.store import console_store
from pipelines.remote.object_store import ObjectStore
from pipelines.remote.shared_files import is_data
from pipelines.settings import settings
from pipelines.workspace import Workspace
from tests.conftest import environment
from tests.pipelines.remote.conftest import PATIENCE, SECRET, copy_to, files_of, ingest_call, objects_of
from tests.second_versions import PLANTED

Run = Callable[..., subprocess.CompletedProcess[str]]
Copies = Callable[[str], Path]
KILLS = 6
AS_OF = datetime(2026, 4, 7, 9, 30, 20, tzinfo=UTC)


def test_ingest_and_read_out_give_the_same_bits_as_in_a_folder_on_whatever_machine(
    address: str, store: ObjectStore, small_world: Path, run_on: Run, copies: Copies, tmp_path: Path
) -> None:
    for workspace in (tmp_path / "folder", address):
        assert run_on("first", *ingest_call(small_world, workspace)).returncode == 0
    again = run_on("second", *ingest_call(small_world, address))
    assert (again.returncode, "2 stored before" in again.stdout) == (0, True)
    tables = {path.split("/")[1] for path in files_of(copies("second"))}
    assert "events" in tables and "key_rollups" not in tables, "what is read is fetched, and no more"
    assert files_of(objects_of(store, tmp_path / "bucket")) == files_of(tmp_path / "folder") != {}
    options = {"AWS_ALLOW_HTTP": "true", **{name: os.environ[name] for name in os.environ if name.startswith("AWS_")}}
    table = DeltaTable(f"{address}/lake/events", storage_options=options)
    assert len(table.to_pyarrow_table()) == 140, "any engine reads it"
    features = read_out(Workspace(copies("second")).lake, AS_OF)
    assert_frame_equal(features, read_out(Lake(tmp_path / "folder" / "lake"), AS_OF), check_exact=True)
    assert files_of(copies("second")) == files_of(tmp_path / "folder")


def test_no_text_address_or_secret_reaches_an_object_a_copy_or_a_message(
    address: str, store: ObjectStore, small_world: Path, run_on: Run, copies: Copies, tmp_path: Path
) -> None:
    result = run_on("first", *ingest_call(small_world, address))
    files = [*objects_of(store, tmp_path / "bucket").rglob("*"), *copies("first").rglob("*")]
    texts = [result.stdout, result.stderr, *map(str, files)]
    for path in files:
        texts += [path.read_bytes().decode("latin-1")] if path.is_file() else []
        if path.suffix == ".parquet" and path.parent.name != "_delta_log":
            texts.append(pl.read_parquet(path, hive_partitioning=False).write_ndjson())
    assert any('"a3"' in text for text in texts), "ids of accounts are searched through"
    for secret in ("canary-prompt", "192.0.2.", SECRET, "5a5a5a5a"):
        assert [text[:80] for text in texts if secret in text] == []
    assert [path for path in copies("first").rglob("*") if path.stat().st_mode & 0o077] == [], "all are private"


def test_without_a_key_in_the_environment_nothing_is_stored(
    address: str, store: ObjectStore, small_world: Path, run_on: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.settings.Settings.secret", lambda self: None)
    result = run_on("first", *ingest_call(small_world, address))
    assert (result.returncode, store.list().keys()) == (2, {"lock"})
    assert f"STILLWATCH_KEY is not set, and {address} must not hold the secret key" in result.stderr


def test_a_workspace_that_nobody_filled_is_none_and_is_named_by_its_address(address: str, run_on: Run) -> None:
    result = run_on("first", "build", "--as-of", AS_OF.isoformat(), "--workspace", address)
    assert result.returncode == 2
    assert result.stderr.startswith(f"stillwatch: {address} is not a workspace: run `stillwatch ingest")


def test_what_needs_a_disk_of_its_own_says_what_to_do(
    address: str, store: ObjectStore, small_workspace: Path, run_on: Run, copies: Copies
) -> None:
    copy_to(store, small_workspace)
    result = run_on("first", "follow", "--workspace", address)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert f"give --workspace a folder, or `ingest` the logs into {address}" in result.stderr
    with pytest.raises(InputError, match=f"{address} can't hold the console's database, .*CONSOLE_DATABASE to a"):
        console_store(Workspace(copies("first")))


def commits_of(store: ObjectStore) -> int:
    return sum("_delta_log/" in path and path.endswith(".json") for path in store.list())


def test_an_ingest_that_loses_the_store_leaves_whole_files_and_the_next_one_finishes(
    address: str,
    store: ObjectStore,
    small_world: Path,
    run_on: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert run_on("first", *ingest_call(small_world, tmp_path / "whole")).returncode == 0
    whole, put = files_of(tmp_path / "whole"), ObjectStore._put
    calls = iter(range(17))

    def put_or_fail(self: ObjectStore, *arguments: Any) -> str:
        if next(calls, None) is None:
            raise InputError("cut off")
        return put(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "_put", put_or_fail)
        failed = run_on("first", *ingest_call(small_world, address))
    assert (failed.returncode, failed.stderr.endswith("stillwatch: cut off\n")) == (2, True), failed.stderr
    left = Lake(objects_of(store, tmp_path / "left") / "lake")
    assert left.scan("events").collect().height == 140
    assert left.scan("account_rollups").select(pl.col("requests").sum()).collect().item() == 80, "one is yet to come"
    refused = run_on("second", *ingest_call(small_world, address))
    assert (refused.returncode, "`stillwatch ingest` (process" in refused.stderr) == (2, True), "it may live still"
    again = run_on("first", *ingest_call(small_world, address))  # the machine itself knows that it does not
    assert again.returncode == 0, again.stderr
    assert {path for path in store.list() if is_data(path)} == whole.keys()


@pytest.mark.slow
def test_an_ingest_killed_at_any_moment_leaves_whole_files_and_the_next_one_finishes(
    address: str, small_world: Path, command: list[str], run_on: Run, tmp_path: Path
) -> None:
    assert run_on("first", *ingest_call(small_world, tmp_path / "whole")).returncode == 0
    whole, chance, stages = files_of(tmp_path / "whole"), random.Random(5), set()
    variables = environment(tmp_path / "home") | {"STILLWATCH_CACHE": str(tmp_path / "caches" / "first")}
    for number in range(KILLS):
        workspace, moment = f"{address}/{number}", chance.randrange(1, 9)
        store, call = ObjectStore(workspace, settings().store_access()), ingest_call(small_world, workspace)
        with subprocess.Popen(
            [*command, *call], env=variables, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            end = time.monotonic() + PATIENCE
            while commits_of(store) < moment and process.poll() is None and time.monotonic() < end:
                time.sleep(0.01)
            assert process.poll() is None, process.stderr and process.stderr.read()
            os.killpg(process.pid, signal.SIGKILL)
        stages.add(commits_of(store))
        left = Lake(objects_of(store, tmp_path / f"left-{number}") / "lake")
        assert left.scan("events").collect().height in (0, 80, 140)
        again = run_on("first", *call)
        assert again.returncode == 0, again.stderr
        assert files_of(objects_of(store, tmp_path / f"bucket-{number}")) == whole
    assert len(stages) >= KILLS // 2


def test_damaged_and_missing_objects_are_named(
    address: str, store: ObjectStore, small_workspace: Path, run_on: Run, tmp_path: Path
) -> None:
    copy_to(store, small_workspace)
    data = next(path for path in store.list() if path.startswith("lake/events/day") and path.endswith(".parquet"))
    commit = next(path for path in store.list() if "lake/accounts/_delta_log/" in path)
    copy = tmp_path / "copy"
    for object_path, words in ((data, "is damaged: its content"), (commit, "is damaged"), (data, "is missing")):
        store.download(object_path, copy)
        content = copy.read_bytes()
        if words == "is missing":
            store.delete({object_path})
        else:
            copy.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
            store.write(object_path, copy)
        result = run_on(f"another-{words[:10]}", "compact", "--workspace", address)
        assert (result.returncode, f"{address}/{object_path} {words}" in result.stderr) == (1, True), result.stderr
        copy.write_bytes(content)
        store.write(object_path, copy)


@pytest.mark.slow
def test_a_workspace_whose_files_were_copied_to_a_store_scores_there_as_it_did(
    address: str, store: ObjectStore, filled_workspace: Path, scores: pl.DataFrame, run_on: Run, tmp_path: Path
) -> None:
    copy_to(store, filled_workspace)
    out = tmp_path / "scores.parquet"
    scored = run_on("first", "score", "--as-of", scores["as_of"][0].isoformat(), "--out", out, "--workspace", address)
    assert scored.returncode == 0, scored.stderr
    assert_frame_equal(pl.read_parquet(out), scores, check_exact=True)


@pytest.mark.slow
def test_ingest_retrain_and_score_on_a_store_give_the_same_scores_as_in_a_folder(
    address: str, made_world: Path, scores: pl.DataFrame, run_on: Run, tmp_path: Path
) -> None:
    as_of, out = scores["as_of"][0].isoformat(), tmp_path / "scores.parquet"
    small = ("accounts", "enforcement", "releases")
    tables = [part for name in small for part in (f"--{name}", made_world / f"{name}.parquet")]
    labels = ("--labels", made_world / "labels.parquet", "--plant-share", PLANTED)
    for machine, call in (
        ("first", ["ingest", "--requests", made_world / "requests", *tables]),
        ("first", ["build", "--as-of", as_of]),
        ("second", ["retrain", *labels, "--as-of", as_of]),
        ("third", ["score", "--as-of", as_of, "--out", out]),
    ):
        result = run_on(machine, *call, "--workspace", address)
        assert result.returncode == 0, result.stderr
    assert_frame_equal(pl.read_parquet(out), scores, check_exact=True)
