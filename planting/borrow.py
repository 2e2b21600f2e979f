"""Borrowing: planted accounts take rhythm, lengths, clients and addresses from honest accounts of the history.

A key that only the donor shows (his address, his prompts) becomes another key, the same for the same planted account:
else each pair of donor and planted account would share it, which nobody else does, and that would give it away. A key
that several accounts show stays: it is the office's address, the harness's prompt. What is not logged of the donor is
not known of the planted account either: where a provider logs no addresses, nobody may be told by having some.
"""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from features.lake import Lake, full_hour
from features.schemas import KEY_KINDS, AccountRows
from planting.settings import Dials
from simulation.draws import U64, Ints, below, keyed, unit

LEAST, MOST = 20, 4_000  # requests of an account that others may borrow from
OWN = (
    "prefix",
    "suffix",
    "exact",
    "skeleton",
    "band",
    "system",
    "system_skeleton",
    "address",
    "subnet",
    "asn",
    "client",
    "api_key",
)
_POOL = 4  # accounts for each of a campaign's own addresses
_60_BITS = np.uint64((1 << 60) - 1)
_DAY = 86_400_000_000


def donors(lake: Lake, labels: pl.DataFrame, since: datetime, as_of: datetime) -> pl.DataFrame:
    """Accounts to borrow from: registered, not confirmed by then, neither idle nor a service's.

    Returns:
        `account_id`, `requests`; sorted by account.
    """
    confirmed = labels.filter(pl.col("label") & (pl.col("labelled_at") <= as_of))["account_id"]
    known = lake.accounts(as_of)["account_id"]
    counts = (
        lake.scan("account_rollups")
        .filter(_whole_hours(since, as_of), pl.col("account_id").is_in(known.implode()))
        .group_by("account_id")
        .agg(pl.col("requests").sum())
        .filter(pl.col("requests").is_between(LEAST, MOST), ~pl.col("account_id").is_in(confirmed.implode()))
    )
    return counts.collect(engine="streaming").sort("account_id")


def members(dials: Dials, among: pl.DataFrame, seed: int, as_of: datetime) -> pl.DataFrame:
    """The accounts of one campaign.

    Returns:
        `account_id`, `donor`, `campaign`, `begin` (of its service), `aged`, `created` (null: the donor's),
        `purse`, `pool` (null: the donor's own), `single`, `speaks`, `no` (a number for its draws).
    """
    count = min(dials.accounts, len(among))
    rng = np.random.default_rng([seed, 2, dials.number])
    # a campaign wants answers, so it is rarely found in accounts that hardly ask
    chance = np.sqrt(among["requests"].to_numpy())
    taken = np.sort(rng.choice(len(among), count, replace=False, p=chance / chance.sum()))
    # it takes accounts into service over the first third of its time
    begin = dials.begin * (1.0 - rng.uniform(0.0, 0.33, count))
    begins = pl.Series(int(as_of.timestamp() * 1e6) - (begin * _DAY).astype(np.int64)).cast(pl.Datetime("us", "UTC"))
    waits = (rng.exponential(dials.burst / 24.0, count) * _DAY).astype(np.int64) + 60_000_000
    aged = rng.random(count) < dials.aged
    numbers = dials.number * 100_000 + np.arange(count)
    own = keyed(np.array([seed]), 31, dials.number)[0]
    purses = _key(keyed(own, 1, np.arange(count) // dials.instrument))
    pools = _key(keyed(own, 2, np.arange(count) // _POOL))
    return pl.DataFrame({
        "account_id": [f"planted-{seed}-{number:08d}" for number in numbers],
        "donor": among["account_id"].gather(taken),
        "campaign": dials.campaign,
        "begin": begins,
        "aged": aged,
        "created": begins - pl.Series(waits).cast(pl.Duration("us")),
        "purse": _sometimes(purses, rng.random(count) < dials.payment),
        "pool": _sometimes(pools, rng.random(count) < dials.pooled),
        "single": rng.random(count) < dials.single,
        "speaks": rng.random(count) < dials.systems,
        "no": numbers,
    }).with_columns(created=pl.when(~pl.col("aged")).then("created"))  # fmt: skip


def shared_keys(lake: Lake, since: datetime, as_of: datetime) -> pl.DataFrame:
    """`kind` (a name) and `key` of the keys that two accounts or more showed."""
    kinds = pl.DataFrame({"kind": pl.Series([KEY_KINDS.index(kind) for kind in OWN], dtype=pl.Int8), "name": OWN})
    pairs = lake.scan("key_rollups").filter(_whole_hours(since, as_of)).join(kinds.lazy(), on="kind")
    counted = pairs.group_by("name", "key").agg(accounts=pl.col("account_id").n_unique())
    return counted.filter(pl.col("accounts") > 1).select(kind="name", key="key").collect(engine="streaming")


def events(lake: Lake, chosen: pl.DataFrame, shared: pl.DataFrame, since: datetime, as_of: datetime) -> pl.DataFrame:
    """The donors' events under the planted accounts' names, with keys of their own.

    Returns:
        `Events` of the accounts, those without a past from their begin on, sorted; and the columns of `members`.
    """
    ids = chosen["donor"].unique().implode()
    stored = lake.scan("events").filter(
        pl.col("timestamp") > since, pl.col("timestamp") <= as_of, pl.col("account_id").is_in(ids)
    )
    borrowed = stored.collect(engine="streaming").rename({"account_id": "donor"}).join(chosen, on="donor")
    kept = borrowed.filter(pl.col("aged") | (pl.col("timestamp") >= pl.col("begin")))
    ordered = kept.sort("account_id", "timestamp", "request_key")
    salts = ordered["no"].to_numpy().astype(np.uint64)
    renewed = [_renewed(ordered, kind, salts, shared) for kind in OWN]
    moved = [pl.when(pl.all_horizontal(pl.col("pool", kind).is_not_null())).then(pl.col("pool") + i).otherwise(kind)
             .alias(kind) for i, kind in enumerate(("address", "subnet"))]  # fmt: skip
    return ordered.with_columns(renewed).with_columns(moved)


def _renewed(frame: pl.DataFrame, kind: str, salts: U64, shared: pl.DataFrame) -> pl.Series:
    """The keys of one kind, those of the donor alone replaced."""
    keys = frame[kind]
    common = keys.is_in(shared.filter(pl.col("kind") == kind)["key"].implode())
    fresh = pl.Series(_key(keyed(keys.fill_null(0).to_numpy().astype(np.uint64), salts)))
    return frame.select(pl.when(common | keys.is_null()).then(keys).otherwise(fresh).alias(kind)).to_series()


def registrations(lake: Lake, chosen: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """`AccountRows` of the planted accounts: the donors', with instruments and addresses of their own."""
    known = lake.accounts(as_of)
    rows = chosen.join(known.rename({"account_id": "donor"}), on="donor", how="left", maintain_order="left")
    salts = rows["no"].to_numpy().astype(np.uint64)

    def own(kind: str) -> pl.Series:
        counts = known.group_by(pl.col(kind).alias("key")).len()
        common = rows[kind].is_in(counts.filter(pl.col("len") > 1)["key"].drop_nulls().implode())
        fresh = pl.Series(_key(keyed(rows[kind].fill_null(0).to_numpy().astype(np.uint64), salts, 3)))
        return rows.select(pl.when(common | rows[kind].is_null()).then(kind).otherwise(fresh).alias(kind)).to_series()

    single = [own(kind) for kind in ("organization", "payment", "signup_address", "signup_subnet", "mail_domain")]
    named = rows.with_columns(single).with_columns(
        created_at=pl.coalesce("created", "created_at"),
        payment=pl.when(pl.col("payment").is_not_null()).then(pl.coalesce("purse", "payment")),
    )
    return named.select(AccountRows.column_names())


def in_service(frame: pl.DataFrame, cover: float, seed: int) -> pl.Series:
    """Which events serve the campaign: those after the begin that are not cover."""
    order = np.arange(len(frame), dtype=np.uint64)
    draws = unit(keyed(frame["no"].to_numpy().astype(np.uint64), order, 5, seed))
    return (frame["timestamp"] >= frame["begin"]) & pl.Series(draws >= cover)


def seeds_of(frame: pl.DataFrame, dials: Dials, whole: int, seed: int) -> Ints:
    """The seed of each event: one of the campaign's, or one that nobody else has."""
    draws = keyed(frame["no"].to_numpy().astype(np.uint64), np.arange(len(frame), dtype=np.uint64), 6, seed)
    common = unit(keyed(draws, 1)) < dials.shared
    return np.where(common, below(draws, dials.seeds), whole + below(keyed(draws, 2), 1 << 50))


def _whole_hours(since: datetime, as_of: datetime) -> pl.Expr:
    """The running hour is left out: its stored rollup may hold later requests."""
    return pl.col("hour").is_between(since, full_hour(as_of), closed="left")


def window(as_of: datetime, days: float) -> datetime:
    """The begin of the history that is borrowed."""
    return as_of - timedelta(days=days)


def _key(numbers: U64) -> Ints:
    """Keys like those of the lake: 60 bits."""
    return (numbers & _60_BITS).astype(np.int64)


def _sometimes(keys: Ints, which: np.ndarray) -> pl.Series:
    return pl.select(pl.when(pl.Series(which)).then(pl.Series(keys))).to_series()
