"""Scores of published detectors, read from a lake as of a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.lake import TABLES, Lake
from pipelines.models.detectors import WINDOW, recent_requests, with_detectors
from training.examples.dataset import DETECTOR_COLUMNS

T = datetime(2026, 6, 1, 10, 20, tzinfo=UTC)
ACCOUNTS, REQUESTS, ODD = 60, 30, "a00"


def events(later: bool = False) -> pl.DataFrame:
    """Ordinary accounts, and an odd one far from them; `later`, everybody sends something else after T."""
    rng = np.random.default_rng(7)
    who = np.arange(ACCOUNTS * REQUESTS) % ACCOUNTS
    topic = rng.integers(-30, 30, (who.size, 4)) + np.where(who == 0, 90, 0)[:, None]
    rows = {
        "request_key": np.arange(who.size),
        "timestamp": [T - timedelta(minutes=int(i)) for i in range(who.size)],
        "account_id": [f"a{i:02d}" for i in who],
        "topic": topic.tolist(),
    }
    if later:
        rows["request_key"] += 10**6
        rows["timestamp"] = [T + timedelta(minutes=1 + i) for i in range(who.size)]
        rows["topic"] = (topic * 5).tolist()
    return whole(pl.DataFrame(rows))


def whole(columns: pl.DataFrame) -> pl.DataFrame:
    schema = {name: column.dtype for name, column in TABLES["events"].columns().items()}
    needed = {"source": 1, "channel": 1, "model": 1, "input_tokens": 1, "output_tokens": 1, "status_code": 200}
    dated = columns.with_columns(day=pl.col("timestamp").dt.date(), **{k: pl.lit(v) for k, v in needed.items()})
    lacking = [pl.lit(None).alias(name) for name in schema if name not in dated.columns]
    return dated.with_columns(lacking).select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def examples(*accounts: str, at: datetime = T) -> pl.DataFrame:
    schema = {"account_id": pl.String, "as_of": pl.Datetime("us", "UTC")}
    return pl.DataFrame({"account_id": accounts, "as_of": [at] * len(accounts)}, schema=schema)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake")
    made.append("events", [events()], 1)
    return made


def test_an_odd_account_stands_out_and_an_account_without_text_has_no_score(lake: Lake) -> None:
    everybody = [f"a{i:02d}" for i in range(ACCOUNTS)]
    scored = with_detectors(lake, examples(*everybody, "silent"))
    assert scored["account_id"].to_list() == [*everybody, "silent"]
    scores = dict(scored.select("account_id", "mmd").iter_rows())
    assert max(scores[name] for name in everybody[1:]) < 5 < scores[ODD]
    assert scored.filter(pl.col("account_id") == "silent").select(DETECTOR_COLUMNS).row(0) == (None, None)
    assert scored["prada"].drop_nulls().is_between(0, 1).all()


def test_what_comes_later_changes_nothing(lake: Lake) -> None:
    asked = examples("a00", "a01", "a02")
    before = with_detectors(lake, asked)
    lake.append("events", [events(later=True)], 2)
    assert with_detectors(lake, asked).equals(before)
    assert (
        not with_detectors(lake, examples("a01", at=T + timedelta(days=2)))
        .select(DETECTOR_COLUMNS)
        .equals(before.filter(pl.col("account_id") == "a01").select(DETECTOR_COLUMNS))
    )


def test_a_window_holds_the_newest_requests_only(lake: Lake) -> None:
    newest = recent_requests(lake, T, limit=3).collect()
    assert newest.group_by("account_id").len()["len"].unique().to_list() == [3]
    assert newest["timestamp"].min() == T - timedelta(minutes=3 * ACCOUNTS - 1)
    assert recent_requests(lake, T).collect().height == ACCOUNTS * min(REQUESTS, WINDOW)


def test_nobody_has_no_scores(lake: Lake) -> None:
    assert with_detectors(lake, examples()).columns == ["account_id", "as_of", *DETECTOR_COLUMNS]
