"""What one more day costs: adding it, and asking for campaigns again, after histories of several lengths.

python -m benchmarks day [--scenario NAME] [--scale F] [--days N ...] [--seed N] [--docs]
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import polars as pl

from benchmarks.options import new_parser
from benchmarks.worlds.training_worlds import end, say, silent
from docs_tools.documents import table, write_part
from pipelines.campaigns.memberships import ensure_campaigns
from pipelines.ingest import Inputs, ingest
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
class Lasting:
    """What became of campaigns from one asking to the next.

    Attributes:
        before: campaigns that were told.
        unchanged: of which the very same accounts are told again; `same` of these under the same id.
        lasting: of which more than `MOST` of the accounts are told together again, in one campaign or (membership is
            soft) in several; `kept` of these under the same id in one of them.
    """

    before: int
    unchanged: int
    same: int
    lasting: int
    kept: int


def compared(before: pl.DataFrame, after: pl.DataFrame) -> Lasting:
    """Follow campaigns by their accounts; both frames have `campaign_id`, `account_id`."""
    sizes = [frame.group_by("campaign_id").len() for frame in (before, after)]
    common = before.join(after, on="account_id", suffix="_after").group_by("campaign_id", "campaign_id_after").len()
    both = common.join(sizes[0], on="campaign_id", suffix="_before").join(
        sizes[1], left_on="campaign_id_after", right_on="campaign_id", suffix="_now"
    )
    same_id = pl.col("campaign_id") == pl.col("campaign_id_after")
    unchanged = both.filter((pl.col("len") == pl.col("len_before")) & (pl.col("len") == pl.col("len_now")))
    lasting = both.filter(pl.col("len") > MOST * pl.col("len_before"))
    counts = [part["campaign_id"].n_unique() for some in (unchanged, lasting) for part in (some, some.filter(same_id))]
    return Lasting(sizes[0].height, *counts)


def measured(scenario: str, scale: float, days: int, seed: int) -> list[str]:
    """A row of the table: a history, one day more, and the same from nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        tables = Path(scratch) / "world"
        say(f"{days} days: making")
        simulate(SimulationRequest(scenario=scenario, out=tables, scale=scale, seed=seed, days=days))
        *past, last = sorted((tables / "requests").glob("*.parquet"))
        as_of, parts = (
            end(tables),
            {part: tables / f"{part}.parquet" for part in ("accounts", "enforcement", "releases")},
        )
        grown = Workspace(Path(scratch) / "grown")
        later = last.rename(Path(scratch) / last.name)
        _ingest(grown, Inputs(requests=tables / "requests", **parts))
        before = ensure_campaigns(grown, as_of - timedelta(days=1), silent)
        say(f"{days} days: adding the last")
        added, _ = timed(lambda: _ingest(grown, Inputs(requests=later)))
        asked, after = timed(lambda: ensure_campaigns(grown, as_of, silent))
        later.rename(last)
        fresh = Workspace(Path(scratch) / "fresh")
        fresh.root.mkdir()
        if (grown.root / "key").exists():  # other hashes: another order, and other groups at the margin
            shutil.copy(grown.root / "key", fresh.root / "key")

        def from_nothing() -> pl.DataFrame:
            _ingest(fresh, Inputs(requests=tables / "requests", **parts))
            return ensure_campaigns(fresh, as_of, silent)

        whole, again = timed(from_nothing)
        _same_members(after, again)
        requests, day = (pl.scan_parquet(files).select(pl.len()).collect().item() for files in ([*past, last], last))
    told = compared(before, after)
    seconds = [f"{value:.1f}" for value in (added, asked, whole)]
    ids = [f"{told.same} of {told.unchanged}", f"{told.kept} of {told.lasting}"]
    return [str(days), f"{requests:,}", f"{day:,}", *seconds, str(told.before), *ids]


def timed(step: Callable[[], T]) -> tuple[float, T]:
    """Seconds of wall time, and what came of it."""
    begin = time.perf_counter()
    made = step()
    return time.perf_counter() - begin, made


def _ingest(workspace: Workspace, inputs: Inputs) -> None:
    ingest(workspace, inputs, reject_limit=0.01, progress=silent)


def _same_members(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """Whoever adds day by day is told what one is told who adds everything at once."""
    members = [
        set(map(frozenset, frame.group_by("campaign_id").agg("account_id")["account_id"])) for frame in (one, other)
    ]
    if members[0] != members[1]:
        raise SystemExit("the campaigns of a history that grew are not those of the same history at once")


def lines(scenario: str, scale: float, days: Iterable[int], seed: int) -> list[str]:
    """The part of the page."""
    rows = [measured(scenario, scale, count, seed) for count in days]
    return [f"`{scenario}` at scale {scale:g}, seed {seed}, lengthened.", "", *table(_HEAD, rows)]


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = new_parser("day", __doc__)
    parser.add_argument("--scenario", default="small")
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--days", type=int, action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--docs", action="store_true", help=f"write docs/results/{PAGE}")
    given = parser.parse_args()
    told = lines(given.scenario, given.scale, given.days or HISTORIES, given.seed)
    print("\n".join(told))
    if given.docs:
        write_part(PAGE, PART, told)


if __name__ == "__main__":
    main()
