"""What is added up of a lake before it is read out: of all accounts, of some, and of the keys that some show."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import polars as pl

from features.families.key_counts import HOURLY_KINDS, codes_of, count_usual, date_keys
from features.lake import Lake


class Chosen(NamedTuple):
    """Accounts to be read.

    Attributes:
        ids: sorted; not empty.
        are_neighbours: whether no other account of the lake lies between them.
    """

    ids: pl.Series
    are_neighbours: bool

    def is_chosen(self) -> pl.Expr:
        """True for their rows."""
        within = pl.col("account_id").is_between(pl.lit(self.ids[0]), pl.lit(self.ids[-1]))
        return within if self.are_neighbours else within & pl.col("account_id").is_in(self.ids.implode())


class OwnKeys(NamedTuple):
    """The keys of some accounts.

    Attributes:
        dated: `History.keys`.
        hourly: `KeyRollups` of `HOURLY_KINDS`, one or more rows per key and hour.
    """

    dated: pl.DataFrame
    hourly: pl.LazyFrame


@dataclass(frozen=True)
class LakeSums:
    """What is added up over a lake; here anew at each call.

    Attributes:
        lake: whose rollups are added.
    """

    lake: Lake

    def seen(self, as_of: datetime) -> pl.DataFrame:
        """See `Lake.seen`."""
        return self.lake.seen(as_of)

    def usual_keys(self, as_of: datetime) -> pl.LazyFrame:
        """`account_id`, `kind`, `key`, `requests` of the kinds whose distribution over a plan is compared."""
        return count_usual(self.lake.key_rollups(as_of))

    def usage(self, as_of: datetime) -> pl.LazyFrame:
        """`account_id`, `requests`, `output_tokens`, and more or not: rows that add up to each account's."""
        return self.lake.account_rollups(as_of)

    def kinds(self, as_of: datetime) -> pl.Series:
        """The kinds of keys that anybody shows, as positions in `KEY_KINDS`."""
        return self.lake.key_rollups(as_of).select(pl.col("kind").unique()).collect(engine="streaming")["kind"]

    def hours(self, as_of: datetime, chosen: Chosen) -> pl.LazyFrame:
        """`AccountRollups` of some accounts."""
        return self.lake.account_rollups(as_of, which=chosen.is_chosen())

    def own_keys(self, as_of: datetime, chosen: Chosen) -> OwnKeys:
        """The keys of some accounts."""
        own = self.lake.key_rollups(as_of).filter(chosen.is_chosen()).collect(engine="streaming").lazy()
        hourly = own.filter(pl.col("kind").is_in(codes_of(HOURLY_KINDS)))
        return OwnKeys(date_keys(own, as_of).collect(engine="streaming"), hourly)

    def shown_keys(self, as_of: datetime, keys: pl.Series) -> pl.LazyFrame:
        """`account_id`, `kind`, `key`, `requests` of whoever shows one of some keys that several accounts show: rows
        that add up, and perhaps those of other keys.
        """
        return self.lake.key_rollups(as_of).filter(pl.col("key").is_in(keys.implode()))
