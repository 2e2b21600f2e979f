"""Hourly rollups against the same aggregates in DuckDB, on the same events on disk.

python -m benchmarks rollups [--rows 2000000]
"""

import argparse
import os
import tempfile
from pathlib import Path

import duckdb
import polars as pl

from benchmarks import measure
from benchmarks.options import new_parser
from benchmarks.speed import material
from features.events import request_key, to_events
from features.identity import Keyring
from features.rollups import roll_up, roll_up_keys
from features.schemas import KEY_KINDS
from features.text import FLAGS

_BATCH = 100_000


def main() -> None:
    """Measure reading, DuckDB and ours, each in a process of its own."""
    parser = new_parser("rollups", __doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--events", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        measure.print_usage(lambda: STEPS[options.step](options.events))
        return
    with tempfile.TemporaryDirectory() as scratch:
        events = str(Path(scratch) / "events.parquet")
        write_events(Path(events), options.rows)
        steps = {
            name: measure.usage_of("benchmarks.speed.rollups", "--step", name, "--events", events) for name in STEPS
        }
    rows = [(name, measured, options.rows) for name, measured in steps.items()]
    measure.print_usage_table(f"hourly rollups of {options.rows:,} events", rows, steps["read"].seconds)
    for kind in ("account", "key"):
        ratio = steps[f"{kind} rollups, duckdb"].seconds / steps[f"{kind} rollups"].seconds
        print(f"{kind} rollups: {ratio:.1f}x DuckDB's speed")


def write_events(path: Path, rows: int) -> None:
    """Events of `benchmarks.speed.material`, thirty requests an account."""
    keyring = Keyring(os.urandom(32))
    requests = material.requests(rows, rows // 30).with_columns(request_key=request_key(keyring))
    parts = [to_events(requests[i : i + _BATCH], keyring, 0)[0] for i in range(0, rows, _BATCH)]
    # without a zone: DuckDB truncates zoned times only with an extension that it would download
    pl.concat(parts).with_columns(pl.col("timestamp").dt.replace_time_zone(None)).write_parquet(path)


def read_events(events: str) -> None:
    """The floor: decode the events."""
    pl.read_parquet(events)


def roll_up_accounts(events: str) -> None:
    """The account rollups."""
    roll_up(pl.scan_parquet(events)).collect(engine="streaming")


def roll_up_by_key(events: str) -> None:
    """The key rollups."""
    roll_up_keys(pl.scan_parquet(events)).collect(engine="streaming")


def roll_up_accounts_in_sql(events: str) -> None:
    """The same columns as the account rollups, in SQL."""
    log = "CAST(round(log2(1 + {0}) * 64) AS BIGINT)"
    counts = {
        "succeeded": "status_code BETWEEN 200 AND 299",
        "throttled": "status_code = 429",
        "refused": "status_code IN (401, 403, 451)",
        "filtered": "finish_reason = 'content_filter'",
        "capped": "max_tokens IS NOT NULL",
        "cold": "temperature <= 0.05",
        "streamed": "stream",
        "with_tools": "tool_count > 0",
        "first_turns": "message_count <= 2",
        "with_text": "words IS NOT NULL",
        "with_topic": "words > 0",
        "with_system": "system IS NOT NULL",
        "with_address": "address IS NOT NULL",
        "with_agent": "agent IS NOT NULL",
        **{name: f"(flags & {1 << bit}) > 0" for bit, name in enumerate(FLAGS)},
        **{f"slot_{i}": f"minute(timestamp) // 5 = {i}" for i in range(12)},
    }
    sums = {
        **{name: name for name in ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "words")},
        **{f"{part}_log": log.format(f"{part}_tokens") for part in ("input", "output")},
        **{f"{part}_log_squared": log.format(f"{part}_tokens") + " ** 2" for part in ("input", "output")},
        **{f"topic_{i}": f"topic[{i + 1}]" for i in range(16)},
    }
    columns = [f"count(*) FILTER ({condition}) AS {name}" for name, condition in counts.items()]
    columns += [f"sum({value}) AS {name}" for name, value in sums.items()]
    query = f"""SELECT account_id, date_trunc('hour', timestamp) AS hour, count(*) AS requests,
        bit_or(CAST(1 AS BIGINT) << minute(timestamp)) AS minutes, {", ".join(columns)}
        FROM read_parquet('{events}') GROUP BY ALL"""
    duckdb.connect().sql(query).to_arrow_table()


def roll_up_keys_in_sql(events: str) -> None:
    """The same rows as the key rollups, in SQL."""
    parts = [
        f"SELECT {code} AS kind, {kind} AS key, account_id, date_trunc('hour', timestamp) AS hour, "
        f"count(*) AS requests FROM read_parquet('{events}') WHERE {kind} IS NOT NULL GROUP BY ALL"
        for code, kind in enumerate(KEY_KINDS)
    ]
    duckdb.connect().sql(" UNION ALL ".join(parts)).to_arrow_table()


STEPS = {
    "read": read_events,
    "account rollups, duckdb": roll_up_accounts_in_sql,
    "account rollups": roll_up_accounts,
    "key rollups, duckdb": roll_up_keys_in_sql,
    "key rollups": roll_up_by_key,
}

if __name__ == "__main__":
    main()
