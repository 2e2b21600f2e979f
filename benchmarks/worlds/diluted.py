"""Request logs as a detector meets them early: few requests an account, and campaigns under ordinary traffic.

All of it happens to raw requests, before anything reads them. An honest account keeps its newest requests. A campaign's
account keeps its newest ones of the campaign's time, mixed with requests of honest accounts, the lenders, which leave
the log for that: prompts, lengths and hours are the lender's; keys, addresses and clients the account's own.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from training.examples.splits import hash_fraction

LENDER_SHARE = 0.2  # of the honest accounts; twice as many would leave fewer honest accounts to judge among
LENDER_SEED = 83
IDENTITY = ("api_key_id", "channel", "client_address", "asn", "country", "user_agent", "tls_ja4")


@dataclass(frozen=True, order=True)
class Dilution:
    """How a log is cut: at most `requests` an account, of which `share` are the campaign's in a campaign's accounts."""

    requests: int
    share: float

    @property
    def name(self) -> str:
        """`100 requests, 25 %`."""
        return f"{self.requests:,} requests, {self.share:.0%}"


def dilute(requests: pl.DataFrame, truth: pl.DataFrame, dilution: Dilution, seed: int) -> pl.DataFrame:
    """Cut and mix a request log.

    Args:
        requests: the world's log (`features.schemas.Requests`).
        truth: of the simulator, with `start` and `end` of each account's part in a campaign.
        dilution: how few requests, and how many of them a campaign's.
        seed: of the days that borrowed requests fall on.
    """
    spans = truth.filter("label").group_by("account_id").agg(pl.col("start").min(), pl.col("end").max())
    ordered = requests.sort("account_id", "timestamp", "request_id")
    honest = ordered.join(spans, on="account_id", how="anti")
    is_lender = pl.Series(hash_fraction(honest["account_id"], LENDER_SEED) < LENDER_SHARE)
    inside = pl.col("timestamp").is_between(pl.col("start"), pl.col("end"))
    served = ordered.join(spans, on="account_id").filter(inside).select(ordered.columns)
    own = newest(served, pl.lit(round(dilution.share * dilution.requests)))
    parts = [newest(honest.filter(~is_lender), pl.lit(dilution.requests))]
    parts += _mixed(own, honest.filter(is_lender), dilution.share, seed) if dilution.share < 1 else [own]
    return pl.concat(part.select(ordered.columns) for part in parts)


def newest(ordered: pl.DataFrame, most: pl.Expr) -> pl.DataFrame:
    """The last requests of each account; the table must be sorted by account and time."""
    remaining = pl.len().over("account_id") - pl.int_range(pl.len()).over("account_id")
    return ordered.filter(remaining <= most)


def _mixed(own: pl.DataFrame, pool: pl.DataFrame, share: float, seed: int) -> list[pl.DataFrame]:
    """The campaign's own requests and the borrowed ones.

    Where the lenders' requests do not suffice, the campaign has fewer too, so that the share stays: nothing is lent
    twice.
    """
    factor = min(1.0, pool.height / max(own.height * (1 - share) / share, 1))
    own = newest(own, (pl.len().over("account_id") * factor).floor().clip(1))
    counts = own.group_by("account_id", maintain_order=True).len()
    wanted = (counts["len"].to_numpy() * (1 - share) / share).round().astype(np.int64)
    lent = pool.head(int(wanted.sum()))
    borrowers = np.repeat(counts["account_id"].to_numpy(), wanted)[: lent.height]
    account_id = pl.Series("account_id", borrowers, dtype=pl.String)
    borrowed = lent.rename({"account_id": "lender"}).drop(IDENTITY).with_columns(account_id)
    return [own, _with_identity(_moved(borrowed, own, seed), own).with_columns(pl.format("lent-{}", "request_id"))]


def _moved(borrowed: pl.DataFrame, own: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Borrowed requests moved to the account's own time: each of a lender's days to one day, hours unchanged."""
    date = pl.col("timestamp").dt.date()
    spans = own.group_by("account_id").agg(first=date.min(), days=(date.max() - date.min()).dt.total_days() + 1)
    rows = borrowed.join(spans, on="account_id", maintain_order="left")
    lent_day = pl.struct("account_id", "lender", date).rank("dense").cast(pl.Int64) - 1
    group = rows.select(lent_day).to_series().to_numpy()
    draws = pl.Series(np.random.default_rng([seed, 89]).random(int(group.max(initial=-1)) + 1)[group])
    day = pl.col("first").cast(pl.Datetime("us", "UTC")) + pl.duration(days=(draws * pl.col("days")).floor())
    hours = pl.col("timestamp") - pl.col("timestamp").dt.truncate("1d")
    return rows.with_columns((day + hours).cast(borrowed.schema["timestamp"]).alias("timestamp"))


def _with_identity(borrowed: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """Borrowed requests with the keys, addresses and clients of the account's own requests, in turn."""
    turn = pl.int_range(pl.len()).over("account_id")
    identities = own.select("account_id", *IDENTITY, turn=turn, count=pl.len().over("account_id"))
    counts = identities.select("account_id", "count").unique()
    numbered = borrowed.join(counts, on="account_id", maintain_order="left").with_columns(turn=turn % pl.col("count"))
    identities = identities.drop("count")
    return numbered.drop("count").join(identities, on=["account_id", "turn"], maintain_order="left")
