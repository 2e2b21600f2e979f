"""Which accounts are banned as of a time."""

from datetime import datetime

import polars as pl

BAN, RESTORE = "ban", "restore"  # actions of enforcement


def banned_accounts(enforcement: pl.LazyFrame, as_of: datetime) -> pl.DataFrame:
    """Accounts that are banned then: `account_id`, `acted_at` (of the first ban that was not taken back since)."""
    acts = enforcement.filter(pl.col("action").is_in([BAN, RESTORE]) & (pl.col("acted_at") <= as_of))
    # of a ban and a restore at one moment the ban holds: it is the safer reading
    in_order, is_ban = acts.collect().sort("acted_at", pl.col("action") == BAN), pl.col("action") == BAN
    restored = (~is_ban).cum_sum(reverse=True).over("account_id")  # how often, from here on
    return (
        in_order.filter(is_ban & (restored == 0))
        .group_by("account_id")
        .agg(pl.col("acted_at").min())
        .sort("account_id")
    )
