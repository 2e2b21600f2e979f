"""Bearers of a campaign's texts in a small log, and judged scores that are made up; real ones need a whole run."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from benchmarks.foreign import text_only
from benchmarks.foreign.text_only import (
    REQUESTS,
    SHARES,
    SOURCES,
    choose_bearers,
    judge_scores,
    put_texts,
    recall_table,
)

END = datetime(2026, 6, 1, tzinfo=UTC)
ACCOUNTS, EACH = 26, REQUESTS + 10
PROMPTS = {source: [f"{source} {i}" for i in range(150)] for source in SOURCES}


@pytest.fixture(scope="module")
def requests() -> pl.DataFrame:
    """Accounts that all have enough prompts, and one request without any."""
    rows = [
        {"request_id": f"{account}-{i}", "account_id": f"a{account:02d}", "timestamp": END - timedelta(minutes=i + 1),
         "prompt": f"own {account} {i}" if i else None, "input_tokens": i}
        for account in range(ACCOUNTS) for i in range(EACH)
    ]  # fmt: skip
    return pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))


def test_each_source_and_share_has_as_many_bearers_and_as_many_accounts_stay_honest(requests: pl.DataFrame) -> None:
    honest = requests["account_id"].unique().sort()
    bearers = choose_bearers(requests, honest, pl.lit(END))
    assert len(bearers) == len(SOURCES) * len(SHARES) <= ACCOUNTS / 2
    assert set(bearers.select("source", "share").rows()) == {(source, share) for source in SOURCES for share in SHARES}
    assert choose_bearers(requests.reverse(), honest, pl.lit(END)).equals(bearers)
    with pytest.raises(SystemExit, match="24 honest accounts with 100 prompts are needed"):
        choose_bearers(requests, honest[:20], pl.lit(END))


def test_bearers_keep_all_but_some_prompts_and_others_keep_everything(requests: pl.DataFrame) -> None:
    bearers = pl.DataFrame({"account_id": ["a00", "a01"], "source": ["judge", "tools"], "share": [0.25, 1.0]})
    changed = put_texts(requests, bearers, PROMPTS)
    others = pl.col("account_id") > "a01"
    by = ["account_id", "request_id"]
    assert changed.filter(others).sort(by).equals(requests.filter(others).sort(by))
    for account, source, share in bearers.rows():
        own = changed.filter(pl.col("account_id") == account)
        newest = requests.filter((pl.col("account_id") == account) & pl.col("prompt").is_not_null())
        newest = newest.sort("timestamp").tail(REQUESTS)
        assert own.drop("prompt").sort("request_id").equals(newest.drop("prompt").sort("request_id"))
        given = own.filter(pl.col("prompt").str.starts_with(source))["prompt"]
        assert len(given) == given.n_unique() == share * REQUESTS


def test_a_score_is_judged_at_the_limits_that_honest_accounts_set_or_at_given_ones() -> None:
    honest = pl.Series([f"h{i}" for i in range(200)])
    bearers = pl.DataFrame({"account_id": ["b0", "b1"], "source": ["judge", "tools"], "share": [0.25, 0.25]})
    scores = pl.DataFrame({"account_id": [*honest, "b0", "b1"], "score": [*map(float, range(200)), 198.5, None]})
    judged = judge_scores(scores, bearers, honest)
    assert judged.flagged(0.01, pl.col("share") == 0.25) == (1, 2)
    assert judged.false_positives(0.01) == 0.01
    given = judge_scores(scores, bearers, honest, {0.01: 99.0, 0.05: 149.0})
    assert given.false_positives(0.01) == 0.5


def test_the_table_has_a_row_for_each_detector_and_rate() -> None:
    rows = [(f"b{i}", source, share) for i, (source, share) in enumerate((s, q) for s in SOURCES for q in SHARES)]
    bearers = pl.DataFrame(rows, schema=["account_id", "source", "share"], orient="row")
    scores = pl.DataFrame({"account_id": [*bearers["account_id"], "h"], "score": [1.0] * len(bearers) + [0.5]})
    head, _, *lines = recall_table({"ours": judge_scores(scores, bearers, pl.Series(["h"]))})
    assert "25%" in head
    assert len(lines) == len(text_only.RATES)
    assert "1.00 [0.44, 1.00]" in lines[0]
    assert "1 of 1" in lines[0]
