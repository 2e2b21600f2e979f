"""Content: how much of the traffic is one template, and what is asked for. Null without text."""

from itertools import combinations

import polars as pl

from features.families.fixed_point import entropy, share
from features.families.history import History
from features.schemas import KEY_KINDS, TOPIC_SIZE
from features.text import FLAGS, QUARTER_BITS, QUARTERS, TOPIC_LENGTH

_TEMPLATES = ("prefix", "suffix", "exact", "system")


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    return (
        _shapes(history)
        .join(_templates(history), on="account_id", how="left")
        .join(near_duplicates(history.of_kind("simhash")), on="account_id", how="left")
    )


def _shapes(history: History) -> pl.DataFrame:
    """Shares of what the texts hold, and how much they keep to one kind of text."""
    topics = [pl.col("topic").list.get(i).sum().alias(f"topic_{i}") for i in range(TOPIC_SIZE)]
    sums = history.hours.group_by("account_id").agg(pl.col(pl.Int64).sum(), *topics)
    texts, requests = pl.col("with_text"), pl.col("requests")
    squared = pl.sum_horizontal(pl.col(f"topic_{i}") ** 2 for i in range(TOPIC_SIZE))
    return sums.select(
        "account_id",
        *[share(pl.col(flag), texts).alias(f"{flag}_share_28d") for flag in FLAGS],
        words_mean_28d=share(pl.col("words"), texts),
        # a sum of n unrelated vectors has the squared length n * TOPIC_LENGTH**2, of n equal ones n times that
        topic_focus_28d=share(squared, pl.col("with_topic") * TOPIC_LENGTH**2).log1p(),
        first_turn_share_28d=share(pl.col("first_turns"), requests),
        system_share_28d=share(pl.col("with_system"), requests),
    )


def _templates(history: History) -> pl.DataFrame:
    """Concentration of beginnings, endings, prompts and system prompts."""
    n, keys = pl.col("requests"), pl.col("keys")
    per_kind = (
        history.counts_of_kind(*_TEMPLATES)
        .group_by("account_id", "kind")
        .agg(top=n.max(), total=(keys * n).sum(), kinds=keys.sum(), entropy=entropy(n, keys))
    )
    wide = pl.DataFrame({"account_id": history.seen["account_id"]})
    for kind in _TEMPLATES:
        columns = per_kind.filter(pl.col("kind") == KEY_KINDS.index(kind)).drop("kind")
        renamed = columns.rename({c: f"{kind}_{c}" for c in columns.columns if c != "account_id"})
        wide = wide.join(renamed, on="account_id", how="left")
    most = pl.col("prefix_total").log(2)
    return wide.select(
        "account_id",
        *[share(pl.col(f"{kind}_top"), pl.col(f"{kind}_total")).alias(f"top_{kind}_share_28d") for kind in _TEMPLATES],
        prefix_entropy_28d=share(pl.col("prefix_entropy"), most),
        new_prefixes_28d=share(pl.col("prefix_kinds"), pl.col("prefix_total")),
        fill_entropy_28d=pl.col("exact_entropy") - pl.col("prefix_entropy"),
        repeat_share_28d=1 - share(pl.col("exact_kinds"), pl.col("exact_total")),
    )


def near_duplicates(simhashes: pl.DataFrame) -> pl.DataFrame:
    """Share of each account's requests with another one whose SimHash is alike in two of four quarters.

    Two hashes that differ in two bits always are; of those that differ in three, five of eight (Manku et al. 2007 for
    the quarters). By equality alone the answer does not depend on the order of the hashes.

    Args:
        simhashes: `account_id`, `key`, `requests`.

    Returns:
        `account_id`, `near_duplicate_share_28d`.
    """
    bits = simhashes["key"].to_numpy().view("uint64")
    quarter = [pl.Series((bits >> (QUARTER_BITS * i)) & 0xFFFF) for i in range(QUARTERS)]
    # in the upper half of 64 bits the account, in the lower half two quarters: one number is compared sooner than two
    account = simhashes["account_id"].cast(pl.Categorical).to_physical().cast(pl.UInt64) * (1 << 2 * QUARTER_BITS)
    pairs = [account + quarter[i] * (1 << QUARTER_BITS) + quarter[j] for i, j in combinations(range(QUARTERS), 2)]
    repeated = pl.any_horizontal(pl.col("requests") > 1, *[pl.lit(pair).is_duplicated() for pair in pairs])
    requests = pl.col("requests")
    return (
        simhashes.select("account_id", "requests", repeated=repeated)
        .group_by("account_id")
        .agg(near_duplicate_share_28d=share(requests.filter("repeated").sum(), requests.sum()))
    )
