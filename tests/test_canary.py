"""Text, addresses and instruments are reduced to keyed hashes: what was planted in the input is found nowhere."""

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[[list[str]], dict[str, Any]]


def contents(path: Path) -> Iterator[str]:
    """A file's bytes, and what they stand for where they are compressed or split over pages; in lower case."""
    yield path.read_bytes().decode("latin-1").lower()
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path, hive_partitioning=False)
        for column in frame:
            yield column.to_frame().write_ndjson().lower()
    elif path.read_bytes().startswith(b"SQLite format 3"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            yield "\n".join(database.iterdump()).lower()


def found_in(folder: Path, canaries: tuple[str, ...]) -> list[str]:
    """Files below a folder (their names too) that hold a canary."""
    return [
        f"{path.relative_to(folder)} holds {needle}"
        for path in sorted(folder.rglob("*"))
        for text in (path.name.lower(), *(contents(path) if path.is_file() else ()))
        for needle in canaries
        if needle in text
    ]


def test_the_search_finds_a_canary_in_every_kind_of_file(tmp_path: Path, canaries: tuple[str, ...]) -> None:
    needle = canaries[0]
    (tmp_path / "log").write_bytes(b"\xff\x00" + needle.upper().encode())
    texts = [f"{i} {needle} {i}" for i in range(500)]
    pl.DataFrame({"a": texts}).write_parquet(tmp_path / "plain.parquet", compression="zstd")
    pl.DataFrame({"a": [[text] for text in texts]}).write_parquet(tmp_path / "lists.parquet", compression="zstd")
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.execute("create table t as select ? as a", (needle,))
        database.commit()
    (tmp_path / f"{needle}.txt").touch()
    names = {line.split(" holds ")[0] for line in found_in(tmp_path, canaries)}
    assert names == {"log", "plain.parquet", "lists.parquet", "x.db", f"{needle}.txt"}


def test_the_canaries_are_in_the_input(made_world: Path, canaries: tuple[str, ...]) -> None:
    requests = pl.read_parquet(made_world / "requests")
    accounts = pl.read_parquet(made_world / "accounts.parquet")
    texts = "\n".join(frame.write_ndjson().lower() for frame in (requests, accounts))
    assert [needle for needle in canaries if needle not in texts] == []
    planted = [
        column.name
        for frame in (requests, accounts)
        for column in frame
        if canaries[0] in str(column.to_list()).lower()
    ]
    assert set(planted) >= {
        *("request_id", "api_key_id", "channel", "conversation_id", "system_prompt", "prompt", "finish_reason"),
        *("client_address", "country", "user_agent", "tls_ja4"),
        *("organization_id", "plan", "email_domain", "payment_fingerprint"),
    }


def test_no_canary_is_left_by_ingest_retrain_score_and_serve(
    filled_folder: Path, filled_workspace: Path, scores: pl.DataFrame, ask: Ask, canaries: tuple[str, ...]
) -> None:
    assert len(ask(scores["account_id"].head(50).to_list())["scores"]) == 50
    names = {path.name.partition("-")[0] for path in filled_workspace.iterdir()}
    assert names >= {"lake", "features", "mlruns", "bento", "champion", "serve"}
    assert found_in(filled_workspace, canaries) == []
    assert found_in(filled_folder / "home", canaries) == []
    said = (filled_folder / "said").read_text(encoding="utf-8")
    assert [needle for needle in canaries if needle in said.lower()] == []
    assert "rejected: " in said


@pytest.mark.parametrize("broken", ["channel", "country", "finish_reason", "model", "output_tokens", "timestamp"])
def test_no_canary_is_left_by_a_value_that_is_refused_or_set_to_null(
    broken: str, made_world: Path, as_of: datetime, canaries: tuple[str, ...], stillwatch: Run, tmp_path: Path
) -> None:
    day = pl.read_parquet(made_world / "requests" / f"{as_of:%Y-%m-%d}.parquet")
    value = "" if broken == "model" else f"{canaries[0]} {broken}"
    path = tmp_path / "refused.parquet"
    day.with_columns(pl.lit(value).alias(broken)).write_parquet(path)
    workspace = tmp_path / "workspace"
    result = stillwatch("ingest", "--requests", path, "--workspace", workspace)
    if broken not in ("country", "finish_reason"):
        assert (result.returncode, "nothing was stored" in result.stderr) == (2, True)
    else:
        assert (result.returncode, "an unknown word set to null" in result.stdout) == (0, True)
    assert [needle for needle in canaries if needle in (result.stdout + result.stderr).lower()] == []
    assert found_in(workspace, canaries) == []


def test_no_canary_is_said_about_a_file_that_can_not_be_read(
    canaries: tuple[str, ...], stillwatch: Run, tmp_path: Path
) -> None:
    path = tmp_path / "torn.parquet"
    pl.DataFrame({"prompt": [canaries[0]] * 9}).write_parquet(path, compression="uncompressed")
    path.write_bytes(path.read_bytes()[:-9])
    result = stillwatch("ingest", "--requests", path, "--workspace", tmp_path / "workspace")
    assert result.returncode == 2
    assert canaries[0] not in (result.stdout + result.stderr).lower()
    assert found_in(tmp_path / "workspace", canaries) == []
