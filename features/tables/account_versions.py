"""Versions of accounts: an account may come again with another plan, instrument, organisation or programme."""

from datetime import datetime

import polars as pl

_CONTENT = (
    *("plan", "organization", "programme", "mail_domain", "public_mail"),
    *("payment", "signup_address", "signup_subnet", "billing_country"),
)


def valid_versions(versions: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """Of each account the version that holds at a time; none for an account without one by then."""
    begun = versions.filter((pl.col("created_at") <= as_of) & (pl.col("valid_from") <= as_of))
    return begun.filter(pl.col("valid_from") == pl.col("valid_from").max().over("account_id"))


def new_versions(stored: pl.DataFrame, rows: pl.DataFrame, now: datetime | None = None) -> pl.DataFrame:
    """The rows of an input that say something new about their accounts.

    A row with a time of its own (`updated_at`) is a version from then on. One without is the first version of an
    account that is new; of a stored account it is a version from now on, if it differs from the newest one.

    Args:
        stored: `AccountRows` of the lake, whatever their order.
        rows: `AccountRows` of the input, in its order; of several for one account and time the first counts.
        now: the time of ingest; without it later rows without a time are left out.
    """
    first = rows.unique(["account_id", "valid_from"], keep="first", maintain_order=True)
    is_undated = pl.col("valid_from") == pl.col("created_at")
    dated, undated = first.filter(~is_undated), first.filter(is_undated)
    newest = stored.filter(pl.col("valid_from") == pl.col("valid_from").max().over("account_id"))
    of_new = undated.join(newest, on="account_id", how="anti")
    changed = undated.join(newest, on="account_id", how="semi").join(
        newest, on=["account_id", *_CONTENT], how="anti", nulls_equal=True
    )
    since = pl.lit(now).cast(rows.schema["valid_from"])
    later = changed.with_columns(valid_from=pl.max_horizontal("created_at", since)) if now else changed.clear()
    fresh = pl.concat([of_new, later, dated])
    return fresh.join(stored, on=["account_id", "valid_from"], how="anti", maintain_order="left")
