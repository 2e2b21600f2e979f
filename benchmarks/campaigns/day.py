"""What one more day costs: adding it, and grouping again, after histories of several lengths.

python -m benchmarks day [--scenario NAME] [--scale F] [--days N ...] [--seed N] [--docs]
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import polars as pl

from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, new_parser
from benchmarks.worlds.simulated import end_of_world, ignore_progress, ingest_quietly, ingest_world
from docs_tools.documents import table, write_part
from pipelines.campaigns.memberships import ensure_groups
from pipelines.ingest import Inputs
from pipelines.workspace import Workspace
from simulation import SimulationRequest, simulate

PAGE, PART = "campaigns.md", "day"
HISTORIES = (29, 57, 113)  # days in all: the window and one, twice and four times the window and one
T = TypeVar("T")
MOST = 0.5  # share of a campaign's accounts that go on together where it lasts
_HEAD = (
    "days in all", "requests", "of the last day", "adding it, s", "asking again, s", "all from nothing, s",
    "campaigns the day before", "unchanged, same id", "lasting, same id",
)  # fmt: skip


@dataclass(frozen=True)
class Continuity:
    """What became of campaigns from one time to the next.

    Attributes:
        before: campaigns of the first time.
        unchanged: of which the very same accounts are a campaign again.
        unchanged_same_id: how many of these have the same id.
        lasting: of which more than `MOST` of the accounts are together again, in one campaign or (membership is soft)
            in several.
        lasting_same_id: how many of these have the same id in one of them.
    """

    before: int
    unchanged: int
    unchanged_same_id: int
    lasting: int
    lasting_same_id: int


LEAST_SURPRISE = 3.0  # decimal log odds against chance of the groups that are followed


def compare_campaigns(before: pl.DataFrame, after: pl.DataFrame) -> Continuity:
    """Follow campaigns by their accounts; both frames have `campaign_id`, `account_id`."""
    sizes = [frame.group_by("campaign_id").len() for frame in (before, after)]
    common = before.join(after, on="account_id", suffix="_after").group_by("campaign_id", "campaign_id_after").len()
    both = common.join(sizes[0], on="campaign_id", suffix="_before").join(
        sizes[1], left_on="campaign_id_after", right_on="campaign_id", suffix="_now"
    )
    same_id = pl.col("campaign_id") == pl.col("campaign_id_after")
    unchanged = both.filter((pl.col("len") == pl.col("len_before")) & (pl.col("len") == pl.col("len_now")))
    lasting = both.filter(pl.col("len") > MOST * pl.col("len_before"))
    counts = [frame["campaign_id"].n_unique() for frame in (unchanged, unchanged.filter(same_id))]
    lasting_counts = [frame["campaign_id"].n_unique() for frame in (lasting, lasting.filter(same_id))]
    return Continuity(
        before=sizes[0].height,
        unchanged=counts[0],
        unchanged_same_id=counts[1],
        lasting=lasting_counts[0],
        lasting_same_id=lasting_counts[1],
    )


def measure_day(scenario: str, scale: float, days: int, seed: int) -> list[str]:
    """A row of the table: a history, one day more, and the same from nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        world = Path(scratch) / "world"
        log_step(f"{days} days: making")
        simulate(SimulationRequest(scenario=scenario, out=world, scale=scale, seed=seed, days=days))
        *past, last = sorted((world / "requests").glob("*.parquet"))
        as_of = end_of_world(world)
        grown = Workspace(Path(scratch) / "grown")
        later = last.rename(Path(scratch) / last.name)
        ingest_world(grown, world)
        before = _read_firm(grown, as_of - timedelta(days=1))
        log_step(f"{days} days: adding the last")
        added, _ = timed(lambda: ingest_quietly(grown, Inputs(requests=later)))
        asked, after = timed(lambda: _read_firm(grown, as_of))
        later.rename(last)
        fresh = Workspace(Path(scratch) / "fresh")
        fresh.root.mkdir()
        if (grown.root / "key").exists():  # other hashes: another order, and other groups at the margin
            shutil.copy(grown.root / "key", fresh.root / "key")

        def from_nothing() -> pl.DataFrame:
            ingest_world(fresh, world)
            return _read_firm(fresh, as_of)

        whole, again = timed(from_nothing)
        _require_same_members(after, again)
        requests, day = (pl.scan_parquet(files).select(pl.len()).collect().item() for files in ([*past, last], last))
    continuity = compare_campaigns(before, after)
    seconds = [f"{value:.1f}" for value in (added, asked, whole)]
    unchanged = f"{continuity.unchanged_same_id} of {continuity.unchanged}"
    lasting = f"{continuity.lasting_same_id} of {continuity.lasting}"
    return [str(days), f"{requests:,}", f"{day:,}", *seconds, str(continuity.before), unchanged, lasting]


def _read_firm(workspace: Workspace, as_of: datetime) -> pl.DataFrame:
    """The members of the groups that do not come and go by chance."""
    groups = ensure_groups(workspace, as_of, ignore_progress)
    return groups.filter(~pl.col("is_crowd") & (pl.col("surprise") >= LEAST_SURPRISE))


def timed(step: Callable[[], T]) -> tuple[float, T]:
    """Seconds of wall time, and the result."""
    begin = time.perf_counter()
    result = step()
    return time.perf_counter() - begin, result


def _require_same_members(grown: pl.DataFrame, fresh: pl.DataFrame) -> None:
    """Stop if a history that grew day by day has other campaigns than the same history at once."""
    members = [
        set(map(frozenset, frame.group_by("campaign_id").agg("account_id")["account_id"])) for frame in (grown, fresh)
    ]
    if members[0] != members[1]:
        raise SystemExit("the campaigns of a history that grew are not those of the same history at once")


def day_lines(scenario: str, scale: float, days: Iterable[int], seed: int) -> list[str]:
    """The part of the page."""
    rows = [measure_day(scenario, scale, count, seed) for count in days]
    return [f"`{scenario}` at scale {scale:g}, seed {seed}, lengthened.", "", *table(_HEAD, rows)]


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = new_parser("day", __doc__)
    parser.add_argument("--scenario", default="small")
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--days", type=int, action="append")
    parser.add_argument("--seed", type=int, default=1)
    add_docs_option(parser, f"docs/results/{PAGE}")
    options = parser.parse_args()
    page_lines = day_lines(options.scenario, options.scale, options.days or HISTORIES, options.seed)
    print("\n".join(page_lines))
    if options.docs:
        write_part(PAGE, PART, page_lines)


if __name__ == "__main__":
    main()
