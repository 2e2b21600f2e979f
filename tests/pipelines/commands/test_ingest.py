"""The command `ingest`: what it prints, its exit status, and that a rehearsal stores nothing."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.speed.records import WRITERS
from pipelines.workspace import Workspace

Run = Callable[..., subprocess.CompletedProcess[str]]
START = datetime(2026, 4, 6, tzinfo=UTC)


def put(path: Path, rows: int = 40, **columns: Any) -> Path:
    frame = pl.DataFrame({
        "request_id": [f"r{i}" for i in range(rows)],
        "timestamp": [START + timedelta(minutes=i) for i in range(rows)],
        "account_id": [f"a{i % 3}" for i in range(rows)],
        "channel": "api",
        "model": "m",
        "input_tokens": 5,
        "output_tokens": 7,
        "status_code": 200,
        "country": ["de", "T1", *["US"] * (rows - 2)],
        "client_address": "192.0.2.1",
    })  # fmt: skip
    frame.with_columns(**columns).write_parquet(path)
    return path


def ingest(stillwatch: Run, root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return stillwatch("ingest", "--workspace", root / "w", *arguments)


def put_aliases(path: Path, *rows: tuple[str, str, str]) -> Path:
    path.write_text("\n".join(["account_id,same_as,since", *(",".join(row) for row in rows)]))
    return path


def test_aliases_are_read_as_any_table(stillwatch: Run, tmp_path: Path) -> None:
    path = put_aliases(tmp_path / "a.csv", ("a0", "a1", "2026-04-06 02:00+02:00"), ("a1", "a2", "2026-04-06T00:30:00Z"))
    rehearsed = ingest(stillwatch, tmp_path, "--aliases", path, "--dry-run")
    assert rehearsed.stdout.splitlines()[0] == "aliases: 1 files; 2 rows read, nothing stored"
    assert not (tmp_path / "w").exists()
    stored = ingest(stillwatch, tmp_path, "--requests", put(tmp_path / "r.parquet"), "--aliases", path)
    assert "aliases: 1 files; 2 rows read, 2 stored" in stored.stdout.splitlines()
    assert Workspace(tmp_path / "w").lake.seen(START + timedelta(hours=1))["account_id"].to_list() == ["a2"]
    more = put_aliases(tmp_path / "b.csv", ("a1", "a2", "2026-04-06T00:30:00Z"), ("b", "a2", "2026-04-07T00:00:00Z"))
    again = ingest(stillwatch, tmp_path, "--aliases", more)
    assert again.stdout.splitlines() == ["aliases: 1 files; 2 rows read, 1 stored", "  1 repeats dropped"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("a2", "a0", "2026-04-09T00:00:00Z"), "'a0' and 'a1' and 'a2' are aliases of each other in a circle: leave"),
        (
            ("a0", "b", "2026-04-09T00:00:00Z"),
            "from 2026-04-09T00:00:00Z on 'a0' is the same as 'a2' and as 'b': leave",
        ),
        (("b", "b", "2026-04-09T00:00:00Z"), "same_as_is_another_account in 1 of 1 rows, first in row 0: leave out"),
        (
            ("b", "", "2026-04-09T00:00:00Z"),
            "same_as|min_length in 1 of 1 rows, first in row 0: a blank is not allowed",
        ),
    ],
)
@pytest.mark.parametrize("option", [(), ("--dry-run",)])
def test_aliases_that_contradict_those_that_are_stored_are_refused(
    row: tuple[str, str, str], words: str, option: tuple[str, ...], stillwatch: Run, tmp_path: Path
) -> None:
    first = [("a0", "a1", "2026-04-06T00:00:00Z"), ("a1", "a2", "2026-04-07T00:00:00Z")]
    ingest(stillwatch, tmp_path, "--aliases", put_aliases(tmp_path / "a.csv", *first))
    result = ingest(stillwatch, tmp_path, "--aliases", put_aliases(tmp_path / "b.csv", row), *option)
    assert result.returncode == 2
    assert words in result.stderr.splitlines()[-1]
    assert len(Workspace(tmp_path / "w").lake.scan("aliases").collect()) == 2


def test_every_change_is_said(stillwatch: Run, tmp_path: Path) -> None:
    result = ingest(stillwatch, tmp_path, "--requests", put(tmp_path / "r.parquet"))
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "requests: 1 files; 40 rows read, 40 stored",
        "  1 country: an unknown word set to null, the row stays",
        "  1 country: another spelling or vendor's word translated",
    ]


def test_a_rehearsal_says_the_same_and_leaves_no_trace(stillwatch: Run, tmp_path: Path) -> None:
    path = put(tmp_path / "r.parquet")
    result = ingest(stillwatch, tmp_path, "--requests", path, "--dry-run")
    assert (result.returncode, result.stdout.splitlines()[0]) == (0, "requests: 1 files; 40 rows read, nothing stored")
    assert {each.name for each in tmp_path.iterdir()} == {"r.parquet"}
    assert ingest(stillwatch, tmp_path, "--requests", path).returncode == 0
    before = sorted((tmp_path / "w").rglob("*"))
    again = ingest(stillwatch, tmp_path, "--requests", put(tmp_path / "s.parquet", 50), "--dry-run")
    assert "  40 repeats dropped" in again.stdout.splitlines()
    assert sorted((tmp_path / "w").rglob("*")) == before


def test_all_problems_are_in_one_line_and_in_the_report(stillwatch: Run, tmp_path: Path) -> None:
    tokens = [-1, *[5] * 39]
    path = put(tmp_path / "r.parquet", input_tokens=pl.Series(tokens), stream=pl.lit("?"), model=pl.lit(""))
    result = ingest(stillwatch, tmp_path, "--requests", path)
    assert (result.returncode, result.stdout) == (2, "")
    last = result.stderr.splitlines()[-1]
    assert last.startswith(
        f"stillwatch: {path}: 40 of 40 rows break the contract of requests, more than the limit of 1.0%"
    )
    for problem in (
        "stream|flag in 40 of 40",
        "input_tokens|range in 1 of 40 rows, first in row 0",
        "nothing was stored",
    ):
        assert problem in last
    rehearsal = ingest(stillwatch, tmp_path, "--requests", path, "--dry-run", "--json")
    assert (rehearsal.returncode, rehearsal.stderr.splitlines()[-1]) == (2, last)
    report = json.loads(rehearsal.stdout)
    assert report["refused"] in last
    problems = report["tables"]["requests"]["problems"]
    counts = {(problem["column"], problem["rule"]): problem["count"] for problem in problems}
    assert counts == {("stream", "flag"): 40, ("input_tokens", "range"): 1}
    assert "give a number from 0 to 4,294,967,295" in last
    refused = ingest(stillwatch, tmp_path, "--requests", path, "--json")
    assert (refused.returncode, json.loads(refused.stdout)) == (2, report)


def test_a_log_of_another_format_is_refused_and_can_be_read_as_its_own_afterwards(
    stillwatch: Run, tmp_path: Path
) -> None:
    call = {"startTime": 1_775_433_600, "call_type": "completion", "model": "m", "end_user": "a", "status": "success"}
    tokens = {"prompt_tokens": 3, "completion_tokens": 4}
    lines = [json.dumps({"id": f"r{i}", **call, **tokens}) for i in range(40)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    (tmp_path / "a.csv").write_text("account_id,created_at,plan\na,2026-01-01T00:00:00Z,pro\n")
    for option in (("--accounts", "a.csv"), ("--dry-run",)):
        result = ingest(stillwatch, tmp_path, "--requests", "log.jsonl", "--format", "otel", *option)
        assert result.returncode == 2
        assert "log.jsonl: none of 40 records is a request as the format otel has it, so the --format may be wrong" in (
            result.stderr
        )
    assert not (tmp_path / "w").exists()
    right = ingest(stillwatch, tmp_path, "--requests", "log.jsonl", "--format", "litellm")
    assert "40 rows read, 40 stored" in right.stdout, right.stderr


def test_what_deserves_a_look_ends_a_strict_ingest_with_5_after_it_was_stored(stillwatch: Run, tmp_path: Path) -> None:
    path = put(tmp_path / "r.parquet", client_address=pl.lit("10.0.0.1, 10.0.0.2"))
    result = ingest(stillwatch, tmp_path, "--requests", path, "--strict")
    assert result.returncode == 5
    assert "40 stored" in result.stdout
    assert result.stdout.splitlines()[-2:] == [
        "deserves a look:",
        "  100% of the addresses of requests can't be used: give --trusted-proxies N for lists of hops, in a "
        "new workspace if they are stored",
    ]
    assert ingest(stillwatch, tmp_path / "x", "--requests", path, "--strict", "--trusted-proxies", "1").returncode == 0


def test_times_without_a_zone_need_a_word_of_a_person(stillwatch: Run, tmp_path: Path) -> None:
    path = put(tmp_path / "r.parquet", timestamp=pl.col("timestamp").dt.replace_time_zone(None))
    result = ingest(stillwatch, tmp_path, "--requests", path)
    assert result.returncode == 2
    assert "timestamp has the type Datetime" in result.stderr
    assert "has no zone: write the zone, or give --assume-utc" in result.stderr
    assert not (tmp_path / "w" / "lake").exists()
    assert ingest(stillwatch, tmp_path, "--requests", path, "--assume-utc").returncode == 0


@pytest.mark.parametrize(
    "column",
    [
        "account_id",
        "prompt",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("client_address", "model", "tls_ja4")),
    ],
)
def test_text_that_is_no_unicode_rejects_its_row_and_harms_no_workspace(
    stillwatch: Run, tmp_path: Path, column: str
) -> None:
    texts = pl.Series([b"\xff\xfe", *[b"fine"] * 199], dtype=pl.Binary)
    path = put(tmp_path / "r.parquet", 200, **{column: texts})
    assert "200 rows read, 199 stored" in ingest(stillwatch, tmp_path, "--requests", path).stdout
    assert "0 stored" in ingest(stillwatch, tmp_path, "--requests", path).stdout
    assert stillwatch("build", "--as-of", "2026-04-07", "--workspace", tmp_path / "w").returncode == 0


def test_a_time_at_the_end_of_its_type_rejects_its_row(stillwatch: Run, tmp_path: Path) -> None:
    times = pl.Series([2**63 - 1, *[1_775_433_600_000_000] * 199]).cast(pl.Datetime("us", "UTC"))
    result = ingest(stillwatch, tmp_path, "--requests", put(tmp_path / "r.parquet", 200, timestamp=times))
    assert (result.returncode, "199 stored" in result.stdout) == (0, True)


@pytest.mark.slow
def test_an_export_of_a_gateway_becomes_scored_accounts_by_one_ingest_and_one_retrain(
    stillwatch: Run, made_world: Path, as_of: datetime, tmp_path: Path
) -> None:
    labels = pl.read_parquet(made_world / "labels.parquet")
    judged = pl.col("account_id").is_in(labels["account_id"].implode())
    some = judged | (pl.col("account_id").hash(0) % 10 == 0)  # and a tenth of the others
    rows = pl.read_parquet(made_world / "requests").filter(some & pl.col("prompt").is_not_null())
    rows = rows.with_columns(pl.col("message_count").fill_null(1).clip(2), tool_count=0)
    lines = (json.dumps(WRITERS["litellm"].write(row)) for row in rows.iter_rows(named=True))
    (tmp_path / "spend.jsonl").write_text("\n".join(lines))
    pl.read_parquet(made_world / "accounts.parquet").filter(some).write_csv(tmp_path / "accounts.csv")
    labels.write_csv(tmp_path / "labels.csv")
    root, time = ("--workspace", tmp_path / "w"), ("--as-of", as_of.isoformat())
    tables = ("--requests", tmp_path / "spend.jsonl", "--accounts", tmp_path / "accounts.csv")
    result = stillwatch("ingest", "--format", "litellm", *tables, *root)
    assert result.returncode == 0, result.stderr
    trained = stillwatch("retrain", "--labels", tmp_path / "labels.csv", *time, "--no-plant", *root)
    assert trained.returncode == 0, (trained.stdout, trained.stderr)
    assert stillwatch("score", *time, "--out", tmp_path / "s.parquet", *root).returncode == 0
    assert pl.read_parquet(tmp_path / "s.parquet")["risk"].is_between(0, 1).all()


def test_a_worlds_day_exported_by_a_collector_is_stored_as_its_own_table_is(
    stillwatch: Run, made_world: Path, as_of: datetime, tmp_path: Path
) -> None:
    """So that all that follows from the stored tables is the same; whole days, keys and rollups too."""
    day = pl.read_parquet(made_world / "requests" / f"{as_of.replace(day=9):%Y-%m-%d}.parquet").head(2_000)
    rows = day.filter(pl.col("prompt").is_not_null()).with_columns(
        pl.col("message_count").fill_null(1).clip(2), pl.col("tool_count").fill_null(0), channel=pl.lit("api")
    )
    writer = WRITERS["otel"]
    unknown = [pl.lit(None, rows.schema[name]).alias(name) for name in writer.lost if name != "channel"]
    rows.with_columns(unknown).write_parquet(tmp_path / "native.parquet")
    (tmp_path / "spans.jsonl").write_text(
        "\n".join(json.dumps(writer.write(row)) for row in rows.iter_rows(named=True))
    )
    lakes = []
    for name, format_name in (("native.parquet", "native"), ("spans.jsonl", "otel")):
        root = tmp_path / format_name
        result = stillwatch("ingest", "--format", format_name, "--requests", tmp_path / name, "--workspace", root)
        assert (result.returncode, f"{len(rows):,} stored" in result.stdout) == (0, True), result.stderr
        lakes.append(Workspace(root).lake)
    for table, order in (("events", ["request_key"]), ("key_rollups", ["kind", "key", "account_id", "hour"])):
        native, spans = (lake.scan(table).drop("source", strict=False).collect().sort(order) for lake in lakes)
        assert len(native) >= len(rows) > 1_000
        assert_frame_equal(spans, native, check_exact=True)
