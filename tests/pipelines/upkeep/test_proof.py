"""The proof: an account is found wherever it is stored."""

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from features.errors import IntegrityError
from pipelines.upkeep.proof import find_traces


def test_an_account_is_found_in_compressed_tables_in_databases_and_in_text(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    table, text, base = tmp_path / "deep" / "t.parquet", tmp_path / "log.txt", tmp_path / "x.db"
    pl.DataFrame({"n": [1, 2], "who": ["acct-7", "acct-7"]}).write_parquet(table, compression="zstd", statistics=False)
    text.write_bytes(b'{"account": "acct-7"}\xff')
    with closing(sqlite3.connect(base)) as store, store:
        store.execute("CREATE TABLE t (who TEXT)")
        store.execute("INSERT INTO t VALUES ('acct-7')")
    assert find_traces(tmp_path, ["acct-1", "acct-7"]) == sorted([table, text, base])


def test_a_longer_id_and_an_empty_file_are_no_trace(tmp_path: Path) -> None:
    pl.DataFrame({"who": ["acct-77", "my acct-7"]}).write_parquet(tmp_path / "t.parquet")
    pl.DataFrame({"n": [1]}).write_parquet(tmp_path / "numbers.parquet")
    (tmp_path / "log.txt").write_text("acct-77 xacct-7 acct-7-b")
    (tmp_path / "empty").touch()
    assert find_traces(tmp_path, ["acct-7"]) == []


def test_a_table_that_can_not_be_read_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("no table")
    with pytest.raises(IntegrityError, match=r"t.parquet can't be read, so nobody can say whom it names"):
        find_traces(tmp_path, ["acct-7"])
