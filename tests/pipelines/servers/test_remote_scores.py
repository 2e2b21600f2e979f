"""Scores by the endpoint: the real one gives the file that `score` writes, in the order asked."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.errors import InputError
from pipelines.servers.remote_scores import REMOTE_SCHEMA, read_account_ids
from serving.process import free_port

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_endpoint_gives_the_rows_of_the_score_file_in_the_order_asked(
    endpoint: str, scores: pl.DataFrame, stillwatch: Run, tmp_path: Path
) -> None:
    asked = scores.reverse()
    assert len(asked) > 1_000  # more than one call takes
    (tmp_path / "ids.txt").write_text("\n".join([*asked["account_id"], "", "nobody"]) + "\n")
    done = stillwatch("score", "--url", endpoint, "--accounts", "ids.txt", "--out", "remote.parquet")
    assert done.returncode == 0, done.stderr
    assert f"{len(asked) + 1:,} accounts: {len(asked):,} " in done.stdout and "1 unknown_account" in done.stdout
    remote = pl.read_parquet(tmp_path / "remote.parquet")
    assert remote.schema == REMOTE_SCHEMA
    assert_frame_equal(
        remote.head(-1).select(pl.exclude("as_of", "status", "evaluated_at")), asked.drop("as_of"), check_exact=True
    )
    assert remote["account_id"][-1] == "nobody" and remote["risk"].null_count() == 1


def test_an_id_that_the_endpoint_refuses_is_a_bad_call(endpoint: str, stillwatch: Run, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a" * 300)
    result = stillwatch("score", "--url", endpoint, "--accounts", "ids.txt", "--out", "remote.parquet")
    assert result.returncode == 2
    assert "answered 400: account_ids[0]" in result.stderr
    assert not (tmp_path / "remote.parquet").exists()


def test_a_server_that_does_not_answer_is_a_bad_call(
    stillwatch: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillwatch.client.FIRST_WAIT", 0.0)
    (tmp_path / "ids.txt").write_text("a1")
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    result = stillwatch("score", "--url", url, "--accounts", "ids.txt", "--out", "remote.parquet")
    assert result.returncode == 2
    assert f"{url} gave no answer (ConnectError)" in result.stderr


def test_ids_come_from_standard_input_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a1\n\n  a2 \r\na1\n"))
    assert read_account_ids("-") == ["a1", "a2", "a1"]


@pytest.mark.parametrize(("content", "words"), [(b" \n\n", "holds no account"), (b"\xff\xfe", "it is no UTF-8")])
def test_a_file_without_ids_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_account_ids(str(tmp_path / "ids"))
