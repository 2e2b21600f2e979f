"""What became of a campaign day by day: who was above the threshold, who was reported, and what it was served."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from benchmarks.replay.days import Replay

FLAGGED = "act"  # the level from the threshold on that flags one honest account of a thousand
FEWEST = 5  # members of a group that counts as reported


@dataclass(frozen=True)
class Course:
    """The days of one campaign, or of several together.

    Attributes:
        days: one row a day: `day`, `served` (requests of the campaign up to its end), `others` (all other requests of
            the day), `members` (accounts of the campaign that have sent something), `flagged` (of these, at some
            time), `reported` (of these, in a reported group that is mostly the campaign's, that day).
        accounts: of the campaign, over the whole replay.
    """

    days: pl.DataFrame
    accounts: int

    @property
    def requests(self) -> int:
        """All requests of the campaign."""
        return int(self.days["served"].max() or 0)  # type: ignore[arg-type]

    @property
    def first_reported(self) -> int | None:
        """The first day at whose end a group that is mostly the campaign's was reported."""
        return self._first(pl.col("reported") >= FEWEST)

    def day_of(self, share: float) -> int | None:
        """The first day at whose end so many of all accounts of the campaign had been above the threshold."""
        return self._first((pl.col("flagged") > 0) & (pl.col("flagged") >= share * self.accounts))

    def served_by(self, day: int | None) -> float | None:
        """The share of the campaign's requests up to the end of a day."""
        if day is None:
            return None
        return float(self.days.filter(pl.col("day") == day)["served"].item() / self.requests)

    def _first(self, condition: pl.Expr) -> int | None:
        days: int | None = self.days.filter(condition)["day"].min()  # type: ignore[assignment]
        return days


@dataclass(frozen=True)
class DailyAnswers:
    """The answers of all days of a replay beside the truth."""

    replay: Replay

    @cached_property
    def truth(self) -> pl.DataFrame:
        """`account_id`, `campaign` of the accounts of campaigns; of an account in several, each."""
        return (
            pl.read_parquet(self.replay.world / "truth.parquet")
            .filter("label")
            .select("account_id", "campaign")
            .unique()
        )

    @cached_property
    def sent(self) -> pl.DataFrame:
        """`day`, `account_id`, `requests`."""
        counts = [
            pl.scan_parquet(files).group_by("account_id").agg(requests=pl.len()).with_columns(day=pl.lit(number))
            for number, files in enumerate(self.replay.files, 1)
        ]
        return pl.concat(pl.collect_all(counts))

    @cached_property
    def flagged(self) -> pl.DataFrame:
        """`day`, `account_id` of the accounts above the threshold."""
        frames = [
            pl.scan_parquet(self.replay.answer("score", day))
            .filter(pl.col("level") == FLAGGED)
            .select("account_id", day=pl.lit(day))
            for day in self.replay.scored_days()
        ]
        return pl.concat(pl.collect_all(frames))

    @cached_property
    def reported(self) -> pl.DataFrame:
        """`day`, `campaign_id`, `account_id` of the reported groups with `FEWEST` accounts or more."""
        frames = [
            pl.scan_parquet(self.replay.answer("campaigns", day)).select("campaign_id", "account_id", day=pl.lit(day))
            for day in self.replay.scored_days()
        ]
        return pl.concat(pl.collect_all(frames)).filter(pl.len().over("day", "campaign_id") >= FEWEST)

    def course(self, campaigns: Sequence[str]) -> Course:
        """The course of campaigns, taken as one."""
        own = self.truth.filter(pl.col("campaign").is_in(campaigns))["account_id"].unique()
        is_own = pl.col("account_id").is_in(own.implode())
        by_day = pl.DataFrame({"day": range(1, len(self.replay.files) + 1)}, schema={"day": pl.Int32})
        volumes = self.sent.group_by("day").agg(
            served=pl.col("requests").filter(is_own).sum(), others=pl.col("requests").filter(~is_own).sum()
        )
        mostly_own = self.reported.filter(is_own.mean().over("day", "campaign_id") > 0.5)
        reported = mostly_own.filter(is_own).group_by("day").agg(reported=pl.col("account_id").n_unique())
        days = by_day.join(volumes, on="day", how="left").join(reported, on="day", how="left")
        for name, frame in (("members", self.sent), ("flagged", self.flagged)):
            first = frame.filter(is_own).group_by("account_id").agg(pl.col("day").min())
            days = days.join(first.group_by("day").agg(pl.len().alias(name)), on="day", how="left")
        counted = days.sort("day").with_columns(pl.exclude("day").fill_null(0).cast(pl.Int64))
        return Course(
            counted.with_columns(pl.col("served", "members", "flagged").cum_sum()),
            self.sent.filter(is_own)["account_id"].n_unique(),
        )

    def honest_flagged(self) -> tuple[int, int, int]:
        """Honest accounts that were above the threshold at the last end of a day, at any, and all of them."""
        honest = self.sent.select("account_id").unique().join(self.truth, on="account_id", how="anti")
        of_them = self.flagged.join(honest, on="account_id", how="semi")
        last = of_them.filter(pl.col("day") == max(self.replay.scored_days()))
        return last.height, of_them["account_id"].n_unique(), honest.height

    def honest_groups(self) -> tuple[int, int]:
        """Groups that were reported at the last end of a day and are mostly honest, and all of them."""
        last = self.reported.filter(pl.col("day") == max(self.replay.scored_days()))
        is_true = pl.col("account_id").is_in(self.truth["account_id"].implode())
        shares = last.group_by("campaign_id").agg(true=is_true.mean())
        return shares.filter(pl.col("true") <= 0.5).height, shares.height
