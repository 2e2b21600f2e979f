"""A request log cut and diluted: what is kept, what is borrowed, and whose it is then."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.worlds.diluted import OWN, Cell, diluted

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
        **{column: [f"{column} of {name}" for name in who] for column in OWN},
    }).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))  # fmt: skip


def truth() -> pl.DataFrame:
    rows = [(f"c{i}", True, START + timedelta(hours=10), START + timedelta(hours=99)) for i in range(TRUE)]
    rows += [(f"h{i:02d}", False, None, None) for i in range(HONEST)]
    time = pl.Datetime("us", "UTC")
    return pl.DataFrame(rows, {"account_id": pl.String, "label": pl.Boolean, "start": time, "end": time}, orient="row")


def of(found: pl.DataFrame, first: str) -> pl.DataFrame:
    return found.filter(pl.col("account_id").str.starts_with(first))


def is_lent() -> pl.Expr:
    return pl.col("request_id").str.starts_with("lent-")


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
def test_a_campaigns_account_has_so_many_requests_and_so_many_of_them_its_own(share: float) -> None:
    theirs = of(diluted(log(), truth(), Cell(20, share), 1), "c")
    found = theirs.group_by("account_id").agg(pl.len(), own=(~is_lent()).sum())
    assert found["len"].to_list() == [20] * TRUE
    assert found["own"].to_list() == [20 * share] * TRUE


def test_honest_accounts_keep_their_newest_requests_and_lenders_leave() -> None:
    found = of(diluted(log(), truth(), Cell(20, 0.5), 1), "h")
    kept = found.group_by("account_id").agg(pl.len(), pl.col("timestamp").min())
    assert 0.6 * HONEST < kept.height < HONEST
    assert kept["len"].unique().to_list() == [20]
    assert kept["timestamp"].unique().to_list() == [START + timedelta(hours=SENT - 20)]
    assert not found.select(is_lent().any()).item()


def test_the_same_honest_accounts_stay_in_every_cell() -> None:
    cells = (diluted(log(), truth(), cell, 1) for cell in (Cell(20, 1.0), Cell(50, 0.1)))
    first, second = (of(cell, "h")["account_id"].unique().sort().to_list() for cell in cells)
    assert first == second


def test_a_campaign_takes_no_request_from_before_its_time() -> None:
    own = of(diluted(log(), truth(), Cell(1_000, 1.0), 1), "c")
    assert own["timestamp"].min() == START + timedelta(hours=10)
    assert own.height == TRUE * (SENT - 10)


def test_what_is_borrowed_has_a_lenders_text_and_hour_and_the_accounts_own_client() -> None:
    found = diluted(log(), truth(), Cell(20, 0.25), 1)
    lent = found.filter(is_lent())
    staying = of(found, "h")["account_id"].unique().to_list()
    assert lent["prompt"].is_unique().all()
    assert not lent["prompt"].str.extract(r"prompt (\w+)").is_in(staying).any()
    assert all((lent[column] == f"{column} of " + lent["account_id"]).all() for column in OWN)
    hours = lent["prompt"].str.extract(r"(\d+)$").cast(pl.Int64) % 24
    assert (lent["timestamp"].dt.hour() == hours).all()
    own = found.filter(~is_lent() & pl.col("account_id").str.starts_with("c"))["timestamp"].dt.date()
    assert lent["timestamp"].dt.date().is_between(own.min(), own.max()).all()


def test_nothing_is_lent_twice_and_the_share_stays_where_lenders_run_out() -> None:
    found = of(diluted(log(), truth(), Cell(1_000, 0.05), 1), "c")
    lent = found.filter(is_lent())
    assert lent["request_id"].is_unique().all()
    assert found.filter(~is_lent()).height / found.height == pytest.approx(0.05, abs=0.02)


def test_the_same_seed_gives_the_same_log_whatever_the_order_of_rows() -> None:
    cell = Cell(20, 0.25)
    assert diluted(log().reverse(), truth(), cell, 1).equals(diluted(log(), truth(), cell, 1))
