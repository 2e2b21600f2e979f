"""Planted accounts borrow rhythm, lengths, clients and addresses of honest accounts of the history.

A key that only the donor shows (an address, a prompt) is replaced by another key, the same for the same planted
account: otherwise each pair of donor and planted account would share a key that nobody else has, which would give the
planted one away. A key that several accounts show stays: it is the office's address, the harness's prompt. What is not
logged of the donor is
not logged of the planted account either: where a provider logs no addresses, an address must give nobody away.
"""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from features.lake import Lake, full_hour
from features.schemas import KEY_KINDS, AccountRows
from planting.settings import CampaignSettings
from simulation.draws import U64, Ints, below, keyed, unit

# Requests of an account that others may borrow from: fewer show no habits, more are a service's. Chosen by hand.
LEAST, MOST = 20, 4_000
# Kinds of keys that become the planted account's own where only the donor shows them.
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
# Keys of a registration that become the planted account's own where only the donor has them.
_REGISTERED = ("organization", "payment", "signup_address", "signup_subnet", "mail_domain")
_ACCOUNTS_PER_ADDRESS = 4  # accounts that share one of the campaign's own addresses; chosen by hand
_60_BITS = np.uint64((1 << 60) - 1)
_DAY = 86_400_000_000  # microseconds


def read_donors(lake: Lake, labels: pl.DataFrame, since: datetime, as_of: datetime) -> pl.DataFrame:
    """Read the accounts to borrow from: registered, not confirmed by then, neither idle nor a service's.

    Returns:
        `account_id`, `requests`; sorted by account.
    """
    confirmed = labels.filter(pl.col("label") & (pl.col("labelled_at") <= as_of))["account_id"]
    registered = lake.accounts(as_of)["account_id"]
    counts = (
        lake.scan_named("account_rollups", as_of)
        .filter(_whole_hours(since, as_of), pl.col("account_id").is_in(registered.implode()))
        .group_by("account_id")
        .agg(pl.col("requests").sum())
        .filter(pl.col("requests").is_between(LEAST, MOST), ~pl.col("account_id").is_in(confirmed.implode()))
    )
    return counts.collect(engine="streaming").sort("account_id")


def choose_members(settings: CampaignSettings, donors: pl.DataFrame, seed: int, as_of: datetime) -> pl.DataFrame:
    """Choose the donors of one campaign, and draw what is special about each of its accounts.

    Returns:
        `account_id`, `donor`, `campaign`, `begin` (of its service), `aged` (has a past), `created` (null: the
        donor's), `instrument_key`, `pool_key` (null: the donor's own), `is_single` (its requests stand outside
        conversations), `sends_system` (the family's system prompt), `number` (for its draws).
    """
    count = min(settings.accounts, len(donors))
    rng = np.random.default_rng([seed, 2, settings.number])
    # a campaign wants answers, so it is rarely found in accounts that hardly ask
    chance = np.sqrt(donors["requests"].to_numpy())
    chosen = np.sort(rng.choice(len(donors), count, replace=False, p=chance / chance.sum()))
    # it takes accounts into service over the first third of its time
    begin = settings.begin * (1.0 - rng.uniform(0.0, 0.33, count))
    begins = pl.Series(int(as_of.timestamp() * 1e6) - (begin * _DAY).astype(np.int64)).cast(pl.Datetime("us", "UTC"))
    waits = (rng.exponential(settings.burst / 24.0, count) * _DAY).astype(np.int64) + 60_000_000
    aged = rng.random(count) < settings.aged
    numbers = settings.number * 100_000 + np.arange(count)
    own = keyed(np.array([seed]), 31, settings.number)[0]
    instruments = _key(keyed(own, 1, np.arange(count) // settings.instrument))
    addresses = _key(keyed(own, 2, np.arange(count) // _ACCOUNTS_PER_ADDRESS))
    return pl.DataFrame({
        "account_id": [f"planted-{seed}-{number:08d}" for number in numbers],
        "donor": donors["account_id"].gather(chosen),
        "campaign": settings.name,
        "begin": begins,
        "aged": aged,
        "created": begins - pl.Series(waits).cast(pl.Duration("us")),
        "instrument_key": _null_unless(instruments, rng.random(count) < settings.payment),
        "pool_key": _null_unless(addresses, rng.random(count) < settings.pooled),
        "is_single": rng.random(count) < settings.single,
        "sends_system": rng.random(count) < settings.systems,
        "number": numbers,
    }).with_columns(created=pl.when(~pl.col("aged")).then("created"))  # fmt: skip


def read_shared_keys(lake: Lake, since: datetime, as_of: datetime) -> pl.DataFrame:
    """Read the `kind` (a name) and `key` of all keys that two accounts or more showed."""
    kinds = pl.DataFrame({"kind": pl.Series([KEY_KINDS.index(kind) for kind in OWN], dtype=pl.Int8), "name": OWN})
    pairs = lake.scan_named("key_rollups", as_of).filter(_whole_hours(since, as_of)).join(kinds.lazy(), on="kind")
    counted = pairs.group_by("name", "key").agg(accounts=pl.col("account_id").n_unique())
    return counted.filter(pl.col("accounts") > 1).select(kind="name", key="key").collect(engine="streaming")


def borrow_events(
    lake: Lake, members: pl.DataFrame, shared: pl.DataFrame, since: datetime, as_of: datetime
) -> pl.DataFrame:
    """Copy the donors' events to the planted accounts, with keys of their own.

    Returns:
        `Events` of the accounts and the columns of `choose_members`, sorted. Accounts without a past have none from
        before their begin.
    """
    ids = members["donor"].unique().implode()
    stored = lake.scan_named("events", as_of).filter(
        pl.col("timestamp") > since, pl.col("timestamp") <= as_of, pl.col("account_id").is_in(ids)
    )
    borrowed = stored.collect(engine="streaming").rename({"account_id": "donor"}).join(members, on="donor")
    lived = borrowed.filter(pl.col("aged") | (pl.col("timestamp") >= pl.col("begin")))
    ordered = lived.sort("account_id", "timestamp", "request_key")
    salts = ordered["number"].to_numpy().astype(np.uint64)
    renewed = [_renew(ordered, kind, salts, shared) for kind in OWN]
    return ordered.with_columns(renewed).with_columns(
        _pool_key_or("address", 0),
        _pool_key_or("subnet", 1),
    )


def _pool_key_or(kind: str, offset: int) -> pl.Expr:
    """The campaign's own key of the kind for accounts that use its addresses; other keys and nulls as they are."""
    in_pool = pl.all_horizontal(pl.col("pool_key", kind).is_not_null())
    return pl.when(in_pool).then(pl.col("pool_key") + offset).otherwise(kind).alias(kind)


def _renew(frame: pl.DataFrame, kind: str, salts: U64, shared: pl.DataFrame) -> pl.Series:
    """The keys of one kind; those that only the donor has are replaced."""
    keys = frame[kind]
    common = keys.is_in(shared.filter(pl.col("kind") == kind)["key"].implode())
    fresh = pl.Series(_key(keyed(keys.fill_null(0).to_numpy().astype(np.uint64), salts)))
    return frame.select(pl.when(common | keys.is_null()).then(keys).otherwise(fresh).alias(kind)).to_series()


def borrow_registrations(lake: Lake, members: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Copy the donors' `AccountRows` to the planted accounts, with instruments and addresses of their own."""
    registered = lake.accounts(as_of)
    rows = members.join(registered.rename({"account_id": "donor"}), on="donor", how="left", maintain_order="left")
    salts = rows["number"].to_numpy().astype(np.uint64)

    def replace_own(kind: str) -> pl.Series:
        counts = registered.group_by(pl.col(kind).alias("key")).len()
        common = rows[kind].is_in(counts.filter(pl.col("len") > 1)["key"].drop_nulls().implode())
        fresh = pl.Series(_key(keyed(rows[kind].fill_null(0).to_numpy().astype(np.uint64), salts, 3)))
        return rows.select(pl.when(common | rows[kind].is_null()).then(kind).otherwise(fresh).alias(kind)).to_series()

    replaced = [replace_own(kind) for kind in _REGISTERED]
    named = rows.with_columns(replaced).with_columns(
        created_at=pl.coalesce("created", "created_at"),
        valid_from=pl.coalesce("created", "created_at"),
        payment=pl.when(pl.col("payment").is_not_null()).then(pl.coalesce("instrument_key", "payment")),
    )
    return named.select(AccountRows.column_names())


def serves_campaign(frame: pl.DataFrame, cover: float, seed: int) -> pl.Series:
    """Whether each event serves the campaign: it lies after the begin and is not drawn as cover."""
    order = np.arange(len(frame), dtype=np.uint64)
    draws = unit(keyed(frame["number"].to_numpy().astype(np.uint64), order, 5, seed))
    return (frame["timestamp"] >= frame["begin"]) & pl.Series(draws >= cover)


def draw_seeds(frame: pl.DataFrame, settings: CampaignSettings, first_own: int, seed: int) -> Ints:
    """Draw the seed of each event: one of the campaign's, or one from `first_own` on, which nobody else has."""
    draws = keyed(frame["number"].to_numpy().astype(np.uint64), np.arange(len(frame), dtype=np.uint64), 6, seed)
    common = unit(keyed(draws, 1)) < settings.shared
    return np.where(common, below(draws, settings.seeds), first_own + below(keyed(draws, 2), 1 << 50))


def _whole_hours(since: datetime, as_of: datetime) -> pl.Expr:
    """Select whole hours; the rollup of the running hour may already hold later requests."""
    return pl.col("hour").is_between(since, full_hour(as_of), closed="left")


def history_begin(as_of: datetime, days: float) -> datetime:
    """The time from which on the history is borrowed."""
    return as_of - timedelta(days=days)


def _key(numbers: U64) -> Ints:
    """Cut numbers to the 60 bits of the lake's keys."""
    return (numbers & _60_BITS).astype(np.int64)


def _null_unless(keys: Ints, has_key: np.ndarray) -> pl.Series:
    return pl.select(pl.when(pl.Series(has_key)).then(pl.Series(keys))).to_series()
