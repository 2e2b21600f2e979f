"""Windows of accounts whose texts are vectors that are made up."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.foreign import windows_by_kind
from features.lake import Lake

END = datetime(2026, 6, 1, tzinfo=UTC)


def _requests(_lake: Lake, _as_of: datetime) -> pl.LazyFrame:
    """Forty accounts of two kinds, who ask for something else; the first of each asks for what the other kind does."""
    rng, rows = np.random.default_rng(0), []
    for account in range(40):
        kind = (account + (account < 2)) % 2
        for i in range(20):
            topic = np.rint(rng.normal(60 * np.array([kind, 1 - kind]), 8)).astype(int).tolist()
            rows.append((f"a{account:02d}", END - timedelta(minutes=i + 1), i, topic))
    schema = {"account_id": pl.String, "timestamp": pl.Datetime("us", "UTC"), "request_key": pl.Int64,
              "topic": pl.List(pl.Int16)}  # fmt: skip
    return pl.LazyFrame(rows, schema=schema, orient="row")


def test_an_account_that_asks_for_what_another_kind_does_differs_from_all_windows_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows_by_kind, "recent_requests", _requests)
    kinds = pl.DataFrame(
        [(f"a{i:02d}", f"kind {i % 2}") for i in range(40)], schema=["account_id", "cohort"], orient="row"
    )
    scores = windows_by_kind.score_by_kind(Lake(None), END, kinds, pl.Series(["a00", "a01"]))["score"]  # type: ignore[arg-type]
    assert scores[:2].to_list() == [1.0, 1.0]
    assert (scores[2:] < 0.99).mean() > 0.8
