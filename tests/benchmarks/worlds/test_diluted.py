"""A request log cut and diluted: which requests stay, which are borrowed, and whose they are then."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.worlds.diluted import IDENTITY, Dilution, dilute

START = datetime(2026, 5, 1, tzinfo=UTC)
HONEST, TRUE, SENT = 60, 4, 50


def log() -> pl.DataFrame:
    """Everybody sends a request an hour; a campaign's accounts do so for the campaign from their 11th on."""
    names = [f"h{i:02d}" for i in range(HONEST)] + [f"c{i}" for i in range(TRUE)]
    who = np.repeat(names, SENT)
    step = np.tile(np.arange(SENT), len(names))
    return pl.DataFrame({
        "request_id": [f"r{i}" for i in range(who.size)],
        "timestamp": [START + timedelta(hours=int(i)) for i in step],
        "account_id": who,
        "prompt": [f"prompt {name} {i}" for name, i in zip(who, step, strict=True)],
        **{column: [f"{column} of {name}" for name in who] for column in IDENTITY},
    }).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))  # fmt: skip


def truth() -> pl.DataFrame:
    rows = [(f"c{i}", True, START + timedelta(hours=10), START + timedelta(hours=99)) for i in range(TRUE)]
    rows += [(f"h{i:02d}", False, None, None) for i in range(HONEST)]
    time = pl.Datetime("us", "UTC")
    return pl.DataFrame(rows, {"account_id": pl.String, "label": pl.Boolean, "start": time, "end": time}, orient="row")


def accounts_with(first: str, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("account_id").str.starts_with(first))


def is_lent() -> pl.Expr:
    return pl.col("request_id").str.starts_with("lent-")


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
def test_a_campaigns_account_has_so_many_requests_and_so_many_of_them_its_own(share: float) -> None:
    theirs = accounts_with("c", dilute(log(), truth(), Dilution(20, share), 1))
    counts = theirs.group_by("account_id").agg(pl.len(), own=(~is_lent()).sum())
    assert counts["len"].to_list() == [20] * TRUE
    assert counts["own"].to_list() == [20 * share] * TRUE


def test_honest_accounts_keep_their_newest_requests_and_lenders_leave() -> None:
    honest = accounts_with("h", dilute(log(), truth(), Dilution(20, 0.5), 1))
    ends = honest.group_by("account_id").agg(pl.len(), pl.col("timestamp").min())
    assert 0.6 * HONEST < ends.height < HONEST
    assert ends["len"].unique().to_list() == [20]
    assert ends["timestamp"].unique().to_list() == [START + timedelta(hours=SENT - 20)]
    assert not honest.select(is_lent().any()).item()


def test_the_same_honest_accounts_stay_at_every_dilution() -> None:
    logs = (dilute(log(), truth(), dilution, 1) for dilution in (Dilution(20, 1.0), Dilution(50, 0.1)))
    first, second = (accounts_with("h", rows)["account_id"].unique().sort().to_list() for rows in logs)
    assert first == second


def test_a_campaign_takes_no_request_from_before_its_time() -> None:
    own = accounts_with("c", dilute(log(), truth(), Dilution(1_000, 1.0), 1))
    assert own["timestamp"].min() == START + timedelta(hours=10)
    assert own.height == TRUE * (SENT - 10)


def test_what_is_borrowed_has_a_lenders_text_and_hour_and_the_accounts_own_client() -> None:
    rows = dilute(log(), truth(), Dilution(20, 0.25), 1)
    lent = rows.filter(is_lent())
    staying = accounts_with("h", rows)["account_id"].unique().to_list()
    assert lent["prompt"].is_unique().all()
    assert not lent["prompt"].str.extract(r"prompt (\w+)").is_in(staying).any()
    assert all((lent[column] == f"{column} of " + lent["account_id"]).all() for column in IDENTITY)
    hours = lent["prompt"].str.extract(r"(\d+)$").cast(pl.Int64) % 24
    assert (lent["timestamp"].dt.hour() == hours).all()
    own = rows.filter(~is_lent() & pl.col("account_id").str.starts_with("c"))["timestamp"].dt.date()
    assert lent["timestamp"].dt.date().is_between(own.min(), own.max()).all()


def test_nothing_is_lent_twice_and_the_share_stays_where_lenders_run_out() -> None:
    theirs = accounts_with("c", dilute(log(), truth(), Dilution(1_000, 0.05), 1))
    lent = theirs.filter(is_lent())
    assert lent["request_id"].is_unique().all()
    assert theirs.filter(~is_lent()).height / theirs.height == pytest.approx(0.05, abs=0.02)


def test_the_same_seed_gives_the_same_log_whatever_the_order_of_rows() -> None:
    dilution = Dilution(20, 0.25)
    assert dilute(log().reverse(), truth(), dilution, 1).equals(dilute(log(), truth(), dilution, 1))
