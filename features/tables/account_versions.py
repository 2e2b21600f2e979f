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

    A row with a time of its own (`updated_at`) is a version from then on, also if it is the account's creation. One
    without is the first version of an account that is new; of a stored account it is a version from now on, if it
    differs from the one that holds now.

    Args:
        stored: `AccountRows` of the lake, whatever their order.
        rows: `AccountRows` of the input with `is_dated`, in its order; of several for one account and time a dated one
            counts, and of those the first.
        now: the time of ingest; without it later rows without a time are left out.
    """
    first = rows.unique(["account_id", "valid_from", "is_dated"], keep="first", maintain_order=True)
    dated, undated = (first.filter(is_dated=is_dated).drop("is_dated") for is_dated in (True, False))
    of_new = undated.join(stored, on="account_id", how="anti", maintain_order="left")
    fresh = pl.concat([dated, of_new])
    if now is not None:
        begun = stored.filter(pl.col("valid_from") <= now)
        newest = begun.filter(pl.col("valid_from") == pl.col("valid_from").max().over("account_id"))
        changed = undated.join(stored, on="account_id", how="semi", maintain_order="left").join(
            newest, on=["account_id", *_CONTENT], how="anti", nulls_equal=True, maintain_order="left"
        )
        since = pl.lit(now).cast(rows.schema["valid_from"])
        fresh = pl.concat([fresh, changed.with_columns(valid_from=pl.max_horizontal("created_at", since))])
    distinct = fresh.unique(["account_id", "valid_from"], keep="first", maintain_order=True)
    return distinct.join(stored, on=["account_id", "valid_from"], how="anti", maintain_order="left")
