"""Request logs as a detector meets them early: few requests an account, and campaigns under ordinary traffic.

All of it happens to raw requests, before anything reads them. An honest account keeps its newest requests. A campaign's
account keeps its newest ones of the campaign's time, mixed with requests of honest accounts, the lenders, which leave
the log for that: prompts, lengths and hours are the lender's; keys, addresses and clients the account's own.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from training.examples.splits import hash_fraction

LENDERS, LENDER_SEED = 0.2, 83  # share of the honest accounts
OWN = ("api_key_id", "channel", "client_address", "asn", "country", "user_agent", "tls_ja4")


@dataclass(frozen=True, order=True)
class Cell:
    """What is judged together: at most `requests` an account, of which `share` are the campaign's in its accounts."""

    requests: int
    share: float

    @property
    def name(self) -> str:
        """`100 requests, 25 %`."""
        return f"{self.requests:,} requests, {self.share:.0%}"


def diluted(requests: pl.DataFrame, truth: pl.DataFrame, cell: Cell, seed: int) -> pl.DataFrame:
    """The log of a cell.

    Args:
        requests: the world's log (`features.schemas.Requests`).
        truth: of the simulator, with `start` and `end` of each account's part in a campaign.
        cell: how few requests, and how many of them a campaign's.
        seed: of the days that borrowed requests fall on.
    """
    spans = truth.filter("label").group_by("account_id").agg(pl.col("start").min(), pl.col("end").max())
    ordered = requests.sort("account_id", "timestamp", "request_id")
    honest = ordered.join(spans, on="account_id", how="anti")
    lends = pl.Series(hash_fraction(honest["account_id"], LENDER_SEED) < LENDERS)
    inside = pl.col("timestamp").is_between(pl.col("start"), pl.col("end"))
    served = ordered.join(spans, on="account_id").filter(inside).select(ordered.columns)
    own = newest(served, pl.lit(round(cell.share * cell.requests)))
    parts = [newest(honest.filter(~lends), pl.lit(cell.requests))]
    parts += _mixed(own, honest.filter(lends), cell.share, seed) if cell.share < 1 else [own]
    return pl.concat(part.select(ordered.columns) for part in parts)


def newest(ordered: pl.DataFrame, most: pl.Expr) -> pl.DataFrame:
    """The last requests of each account, the table being sorted by account and time."""
    left = pl.len().over("account_id") - pl.int_range(pl.len()).over("account_id")
    return ordered.filter(left <= most)


def _mixed(own: pl.DataFrame, pool: pl.DataFrame, share: float, seed: int) -> list[pl.DataFrame]:
    """The campaign's requests, fewer where the lenders' do not suffice, and what is borrowed; nothing is lent twice."""
    factor = min(1.0, pool.height / max(own.height * (1 - share) / share, 1))
    kept = newest(own, (pl.len().over("account_id") * factor).floor().clip(1))
    counts = kept.group_by("account_id", maintain_order=True).len()
    wanted = (counts["len"].to_numpy() * (1 - share) / share).round().astype(np.int64)
    lent = pool.head(int(wanted.sum()))
    to = pl.Series("account_id", np.repeat(counts["account_id"].to_numpy(), wanted)[: lent.height], dtype=pl.String)
    borrowed = lent.rename({"account_id": "lender"}).drop(OWN).with_columns(to)
    return [kept, _own(_moved(borrowed, kept, seed), kept).with_columns(pl.format("lent-{}", "request_id"))]


def _moved(borrowed: pl.DataFrame, kept: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Each of a lender's days falls on a day of the account's own time; the hours stay."""
    date = pl.col("timestamp").dt.date()
    spans = kept.group_by("account_id").agg(first=date.min(), days=(date.max() - date.min()).dt.total_days() + 1)
    whole = borrowed.join(spans, on="account_id", maintain_order="left")
    group = (
        whole.select(pl.struct("account_id", "lender", date).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    )
    drawn = pl.Series(np.random.default_rng([seed, 89]).random(int(group.max(initial=-1)) + 1)[group])
    day = pl.col("first").cast(pl.Datetime("us", "UTC")) + pl.duration(days=(drawn * pl.col("days")).floor())
    hours = pl.col("timestamp") - pl.col("timestamp").dt.truncate("1d")
    return whole.with_columns((day + hours).cast(borrowed.schema["timestamp"]).alias("timestamp"))


def _own(borrowed: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Keys, addresses and clients as the account's own requests have them, in turn."""
    turn = pl.int_range(pl.len()).over("account_id")
    shown = kept.select("account_id", *OWN, turn=turn, count=pl.len().over("account_id"))
    counts = shown.select("account_id", "count").unique()
    placed = borrowed.join(counts, on="account_id", maintain_order="left").with_columns(turn=turn % pl.col("count"))
    return placed.drop("count").join(shown.drop("count"), on=["account_id", "turn"], maintain_order="left")
