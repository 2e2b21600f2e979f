"""Sharing: how many other accounts show the same keys, and how many of those are new. Counts only, no names."""

import polars as pl

from features.catalogue import FEATURE_NAMES, SHARED_KINDS
from features.families.fixed_point import log_sum, share
from features.families.history import History
from features.schemas import KEY_KINDS

_PARTS = 1 << 20  # shares of young accounts are added in 2**-20 parts: integers add exactly


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    counted = (
        history.of_kind(*SHARED_KINDS)
        .join(history.sharing, on=["kind", "key"], how="left")
        .with_columns(pl.col("accounts").fill_null(1))
    )
    requests, accounts = pl.col("requests"), pl.col("accounts")
    is_shared = accounts > 1
    young = (requests * (pl.col("young") / accounts) * _PARTS).round().cast(pl.Int64)
    per_kind = counted.group_by("account_id", "kind").agg(
        shared=log_sum(accounts, requests) / requests.sum(),
        shared_share=share(requests.filter(is_shared).sum(), requests.sum()),
        young=share(young.filter(is_shared).sum() / _PARTS, requests.filter(is_shared).sum()),
        is_shared=is_shared.any(),
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
