"""Coordination: which accounts share keys, and how surprising each sharing is.

Pairs of accounts are never formed: an account is tied to keys, and a key to accounts, so that the cost grows with the
pairs of an account and a key. A key ties by three things multiplied:

- *rarity*: log of all customers over the customers that show it, over the log of all customers. Accounts of one
  organisation are one customer, so that an enterprise's or a class's own keys tie nothing;
- *newness*: how many of those who show it are new to it, beyond what is usual for keys of that kind. An account is new
  to a key if it registered lately, or sent enough without the key before it took it up that the change is no chance.
  One that is banned counts as new to all of its keys: what it shares with others, its successors may go on with.
  A key that is no newer than usual to those who show it ties half as strongly: bought accounts are old;
- how much of the account's traffic the key is, dealt out among the accounts of one customer that show it.

A hunter of campaigns need not know their templates: the weight rests on who shares and since when, not on what.
(Rarity of shared actions: SynchroTrap, Cao et al. 2014; discounting of popular objects against camouflage: FRAUDAR,
Hooi et al. 2016.)
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from features.families import releases
from features.families.key_counts import count_adoption, find_latest_release
from features.groups.bursts import mark_bursts
from features.groups.link_kinds import LINK_KINDS, PIVOT, SIGNUP_TIME
from features.lake import HISTORY, Lake, full_hour
from features.schemas import KEY_KINDS
from features.text import mix_bits

RECENT = timedelta(days=56)
"""An account registered within this time before T is young: twice the window, so that a long campaign's still are."""

DEALT = pl.col("share") / pl.col("fellows")
"""The share dealt out among the accounts of one customer that show the key: together they tie as one account would.

Else a class is tied by whatever an outsider has in common with it.
"""

_FEW = 100  # accounts of which a kind's usual share is half its own and half all kinds'
_PARTS = 1 << 20  # shares are added in 2**-20 parts
_SURE = 3.0  # natural log of the odds at which an account has taken a key up, and has not just missed showing it
_PIVOT_HOURS = 2
# What a key ties if no more than the usual share of its sharers are new to it: bought accounts are old, and in a young
# log nearly everybody is new. Chosen with the kinds' weights and `RESOLUTION` on four worlds (CHANGELOG.md).
_OLD = 0.5
_NOTHING = 1e-9  # a tie below it is what rounding left of 0
_DOUBT = 4.0  # accounts with the usual share of new ones that every key is given beforehand: few sharers prove little


@dataclass(frozen=True)
class Links:
    """What ties accounts as of a time.

    Attributes:
        accounts: `account_id`, `customer`, `created_at`, `young`; sorted, its rows number the accounts.
        keys: `kind` (position in `LINK_KINDS`), `key`, `customers`, `new` (share of those who show it, shrunk to the
            usual), `tie` in [0, 1] above 0; its rows number the keys.
        pairs: `account`, `key` (row numbers), `share` of the account's requests in (0, 1], `fellows` (accounts of its
            customer that show the key, itself among them), `new`; sorted by both.
        usual: per kind the share of new ones among accounts that show a shared key.
    """

    accounts: pl.DataFrame
    keys: pl.DataFrame
    pairs: pl.DataFrame
    usual: dict[int, float]


def read_links(lake: Lake, as_of: datetime) -> Links:
    """Read from the lake what ties accounts; nothing after as_of is looked at."""
    return weigh_pairs(*read_pairs(lake, as_of))


def read_pairs(lake: Lake, as_of: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read accounts and pairs for `weigh_pairs`; of the keys of requests only those of two or more customers."""
    accounts = _read_accounts(lake, as_of)
    pairs = pl.concat([_read_traffic_pairs(lake, as_of, accounts), _list_account_pairs(accounts)])
    return accounts.select("account_id", "customer", "created_at", "young"), pairs


def weigh_pairs(accounts: pl.DataFrame, pairs: pl.DataFrame) -> Links:
    """Weigh pairs of accounts and keys.

    Args:
        accounts: as in `Links`, sorted by account_id.
        pairs: `account` (row number), `kind`, `key`, `share`, `new`, each pair once.
    """
    counted = _count_fellows(pairs.join(accounts.select("customer").with_row_index("account"), on="account"), accounts)
    usual = _usual_newness(counted)
    keys = (
        counted.group_by("kind", "key")
        .agg(
            customers=pl.col("customer").n_unique(),
            new=_fraction("new", DEALT),
        )
        .filter(pl.col("customers") > 1)
        .join(usual, on="kind")
        .with_columns(
            new=(pl.col("customers") * pl.col("new") + _DOUBT * pl.col("usual")) / (pl.col("customers") + _DOUBT)
        )
        .with_columns(tie=_rarity(accounts["customer"].n_unique()) * _newness() * _kind_weight())
        .filter(pl.col("tie") > _NOTHING)
        .join(_marks(counted), on=["kind", "key"])
        .sort("kind", "mark", "key")  # by who shows them: keys' names are secret and must not decide anything
        .select("kind", "key", "customers", "new", "tie")
    )
    numbered = keys.select("kind", "key").with_row_index("number")
    tied = (
        counted.join(numbered, on=["kind", "key"])
        .select("account", pl.col("number").alias("key"), "share", "fellows", "new")
        .sort("account", "key")
    )
    return Links(accounts, keys, tied, dict(usual.iter_rows()))


def _marks(pairs: pl.DataFrame) -> pl.DataFrame:
    """`kind`, `key`, `mark`: keys with the same mark are shown by the same accounts, in the same shares, as new."""
    parts = 2 * (pl.col("share") * _PARTS).round().cast(pl.UInt64) + pl.col("new").cast(pl.UInt64)
    shown = pairs.select("kind", "key", "account", parts=parts)
    mixed = mix_bits(mix_bits(shown["account"].cast(pl.UInt64).to_numpy()) + shown["parts"].to_numpy())
    marked = shown.select("kind", "key", mark=pl.Series(mixed))
    return marked.group_by("kind", "key").agg(pl.col("mark").bitwise_xor())


def _count_fellows(pairs: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The pairs with `fellows`; only where a customer has several accounts are they counted."""
    alone = accounts.group_by("customer").len().filter(pl.col("len") == 1).select("customer")
    fellows = pl.len().over("customer", "kind", "key").cast(pl.UInt32).alias("fellows")
    together = pairs.join(alone, on="customer", how="anti").with_columns(fellows)
    return pl.concat(
        [pairs.join(alone, on="customer", how="semi").with_columns(fellows=pl.lit(1, pl.UInt32)), together]
    )


def _read_accounts(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Accounts that sent something within the window, or are banned, with their customers; one without a registration
    is its own customer, and not young.

    Others show nothing, and would only make what the rest show look rarer.
    """
    banned = lake.banned(as_of)["account_id"].implode()
    rows = lake.accounts(as_of).unique("account_id", keep="first", maintain_order=True)
    organisation = pl.col("organization").cast(pl.String)
    return (
        lake.seen(as_of)
        .filter((pl.col("last_seen") >= full_hour(as_of) - HISTORY) | pl.col("account_id").is_in(banned))
        .select("account_id")
        .join(rows, on="account_id", how="left", maintain_order="left")
        .with_columns(
            customer=pl.coalesce(pl.lit("o") + organisation, pl.lit("a") + pl.col("account_id")).rank("dense"),
            young=(pl.col("created_at") > as_of - RECENT).fill_null(False),
            banned=pl.col("account_id").is_in(banned),
        )
        .pipe(mark_bursts, as_of, RECENT)
        .join(_read_pivots(lake, as_of), on="account_id", how="left", maintain_order="left")
    )


def _read_pivots(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """`account_id`, `pivot` (number of a window of `_PIVOT_HOURS` hours), `has_moved` (more than half of its
    requests of the first day went to the new model), of the accounts that used a model within a day of its release.
    """
    release = find_latest_release(lake, as_of)
    first = count_adoption(lake.key_rollups(as_of), release).filter(pl.col("adopted_1d") > 0)
    moved = releases.read_moves(lake, as_of).select("account_id", has_moved=pl.col("pivot_1d") > 0.5)
    window = pl.col("first").dt.epoch("s") // (_PIVOT_HOURS * 3600)
    return first.select("account_id", pivot=window).collect(engine="streaming").join(moved, on="account_id")


def _read_traffic_pairs(lake: Lake, as_of: datetime, accounts: pl.DataFrame) -> pl.DataFrame:
    """Pairs with the keys that requests show."""
    kinds = {KEY_KINDS.index(kind.name): code for code, kind in enumerate(LINK_KINDS) if kind.of_traffic}
    numbers = accounts.lazy().select("account_id", "customer", "young", "banned").with_row_index("account")
    counted = (
        lake.key_rollups(as_of)
        .filter(pl.col("kind").is_in(list(kinds)))
        .group_by("account_id", "kind", "key")
        .agg(pl.col("requests").sum(), hour=pl.col("hour").min())
        .join(numbers, on="account_id")
    )
    customers = counted.group_by("kind", "key").agg(pl.col("customer").n_unique()).filter(pl.col("customer") > 1)
    shared = counted.join(customers, on=["kind", "key"], how="semi")
    hours = lake.account_rollups(as_of).select("account_id", "hour", "requests").sort("account_id", "hour")
    running = pl.col("requests").cum_sum().over("account_id")
    past = hours.select(
        "account_id", "hour", before=running - pl.col("requests"), all=pl.col("requests").sum().over("account_id")
    )
    since = (pl.col("requests") / (pl.col("all") - pl.col("before"))).clip(upper_bound=0.999)
    took_up = -pl.col("before") * (1 - since).log() > _SURE
    return (
        shared.join(past, on=["account_id", "hour"])
        .select(
            "account",
            pl.col("kind").replace_strict(kinds, return_dtype=pl.Int8),
            "key",
            share=pl.col("requests") / pl.col("all"),
            new=pl.col("young") | pl.col("banned") | took_up,
        )
        .collect(engine="streaming")
    )


def _list_account_pairs(accounts: pl.DataFrame) -> pl.DataFrame:
    """Pairs with what accounts registered with, and when, and when they moved to a new model; the share is 1.

    Who came in a burst is new to its hours of registration, who went over with most requests to those of moving.
    Mail providers open to everyone tie nobody.
    """
    private = accounts.with_row_index("account").with_columns(
        mail_domain=pl.when(~pl.col("public_mail").fill_null(True)).then("mail_domain")
    )
    new = {SIGNUP_TIME: pl.col("burst"), PIVOT: pl.col("has_moved")}
    parts = [
        private.select(
            "account",
            pl.lit(code, pl.Int8).alias("kind"),
            key=kind.name,
            share=pl.lit(1.0),
            new=new.get(kind.name, pl.col("young") | pl.col("banned")),
        ).drop_nulls("key")
        for code, kind in enumerate(LINK_KINDS)
        if not kind.of_traffic
    ]
    return pl.concat(parts)


def _fraction(flag: str, weight: pl.Expr) -> pl.Expr:
    """Share of the weight that lies on true flags; added as integers, so that the order of the rows does not show."""
    parts = (weight * _PARTS).ceil().cast(pl.Int64)
    return (parts.filter(pl.col(flag)).sum() / parts.sum()).alias(flag)


def _usual_newness(pairs: pl.DataFrame) -> pl.DataFrame:
    """`kind`, `usual`: how much of what an account shows of a kind is new to it, in the mean over accounts.

    Over accounts, not traffic: a campaign must not pass for usual because it sends much. A kind that few show takes
    after all kinds.
    """
    own = pairs.group_by("account", "kind").agg(_fraction("new", pl.col("share")))
    parts = (pl.col("new") * _PARTS).round().cast(pl.Int64)
    overall = pl.lit(own.select(parts.sum() / _PARTS / pl.len().clip(1)).item())
    usual = (parts.sum() / _PARTS + _FEW * overall) / (pl.len() + _FEW)
    return own.group_by("kind").agg(usual=usual).sort("kind")


def _rarity(customers: int) -> pl.Expr:
    """1 for a key of one customer, 0 for one of all."""
    return (1 - pl.col("customers").log() / pl.lit(max(customers, 2)).log()).clip(0, 1)


def _newness() -> pl.Expr:
    """How far the new ones exceed the usual share: `_OLD` at or below it, 1 where all are new.

    What only supports ties nobody who is not new to it: everybody registers in some hour.
    """
    supports = pl.col("kind").is_in([code for code, kind in enumerate(LINK_KINDS) if kind.supports])
    old = pl.when(supports).then(0.0).otherwise(_OLD)
    above = ((pl.col("new") - pl.col("usual")) / (1 - pl.col("usual")).clip(lower_bound=0.01)).clip(0, 1)
    return old + (1 - old) * above


def _kind_weight() -> pl.Expr:
    return pl.col("kind").replace_strict({i: kind.weight for i, kind in enumerate(LINK_KINDS)}, return_dtype=pl.Float64)
