"""Pooled: what the members of a campaign did, added up and read out as if one account had done it all.

Rollups add, so a group has features by the code of an account. Keys that others show too are counted over the others
and each campaign as one: its sharing is what it has in common with those outside; campaigns with a member in common
share that member's keys. What only a registration tells, and
what compares accounts of one plan, is unknown.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from features.accounts import read_out
from features.lake import Lake
from features.rollups import merge


def read_pooled(lake: Lake, members: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Features of campaigns as known at as_of.

    Args:
        lake: whose rollups are added.
        members: `campaign_id`, `account_id`; an account in two campaigns counts in both.
        as_of: aware of its time zone; nothing after it is looked at.

    Returns:
        `FEATURES_SCHEMA`, with `campaign_id` in place of `account_id`: one row for every campaign with a request.
    """
    named = members.select("account_id", pl.col("campaign_id").cast(pl.String)).unique()
    return read_out(_Pooled(lake.root, lake, named, names_at=lake.names_at), as_of).rename(
        {"account_id": "campaign_id"}
    )


@dataclass(frozen=True)
class _Pooled(Lake):
    """A lake in which each campaign is one account, beside the accounts that are in none."""

    base: Lake
    members: pl.DataFrame

    def scan(self, table: str) -> pl.LazyFrame:
        """As in the lake itself."""
        return self.base.scan(table)

    def account_rollups(self, as_of: datetime) -> pl.LazyFrame:
        """Those of campaigns only: nobody else is read out."""
        return merge(self._of_campaigns(self.base.account_rollups(as_of)))

    def key_rollups(self, as_of: datetime) -> pl.LazyFrame:
        """Those of campaigns, and of the accounts that are in none."""
        rows = self.base.key_rollups(as_of)
        others = rows.join(self.members.lazy(), on="account_id", how="anti")
        return pl.concat([others, self._of_campaigns(rows).select(others.collect_schema().names())])

    def seen(self, as_of: datetime) -> pl.DataFrame:
        """Campaigns only."""
        rows = self._of_campaigns(self.base.seen(as_of).lazy()).group_by("account_id")
        return rows.agg(pl.col("first_seen").min(), pl.col("last_seen").max()).sort("account_id").collect()

    def _of_campaigns(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        named = rows.join(self.members.lazy(), on="account_id")
        return named.drop("account_id").rename({"campaign_id": "account_id"})
