"""Sharing: how many other accounts show the same keys, and how many of those are new. Counts only, no names."""

import polars as pl

from features.catalogue import FEATURE_NAMES, SHARED_KINDS
from features.families.fixed_point import log_sum, share
from features.families.history import History
from features.schemas import KEY_KINDS

_PARTS = 1 << 20  # shares of young accounts are added in 2**-20 parts: integers add exactly


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    requests, accounts = pl.col("requests"), pl.col("accounts")
    young = (requests * (pl.col("young") / accounts) * _PARTS).round().cast(pl.Int64)
    shared = history.shared.group_by("account_id", "kind").agg(
        octaves=log_sum(accounts, requests), of_shared=requests.sum(), young=young.sum() / _PARTS
    )
    of_all = (
        history.counts_of_kind(*SHARED_KINDS)
        .group_by("account_id", "kind")
        .agg(requests=(pl.col("keys") * requests).sum())
    )
    per_kind = of_all.join(shared, on=["account_id", "kind"], how="left").select(
        "account_id",
        "kind",
        shared=pl.col("octaves").fill_null(0.0) / requests,  # what nobody else shows is shown by one: no octave
        shared_share=share(pl.col("of_shared").fill_null(0), requests),
        young=share(pl.col("young"), pl.col("of_shared")),
        is_shared=pl.col("of_shared").is_not_null(),
    )
    by_kind = []
    for kind in SHARED_KINDS:
        in_kind = pl.col("kind") == KEY_KINDS.index(kind)
        by_kind += [
            pl.col("shared").filter(in_kind).first().alias(f"shared_{kind}_28d"),
            pl.col("shared_share").filter(in_kind).first().alias(f"shared_{kind}_share_28d"),
            pl.col("young").filter(in_kind).first().alias(f"young_{kind}_28d"),
        ]
    features = per_kind.group_by("account_id").agg(*by_kind, shared_kinds_28d=pl.col("is_shared").sum())
    return features.select("account_id", *[name for name in features.columns if name in FEATURE_NAMES])
