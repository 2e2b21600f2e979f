"""Time to detection: how early the accounts of each preset's campaigns are above the threshold, and what that costs.

python -m benchmarks early --pools DIR [--scenario NAME ...] [--scale F] [--seed N] [--cache DIR] [--docs]

One model is trained on a world of `mixed`. Each scenario is another world, with its operators' own campaigns, scored as
of day after day: features, campaigns and risks as they are on that day (`training.evaluation.detection`).
"""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.detection.left_out import LABELLED, data_without, ours
from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, add_world_options, new_parser
from benchmarks.worlds.simulated import end_of_world, ignore_progress, ingest_world, simulate_small
from benchmarks.worlds.training_worlds import TrainingWorld, prepare_world
from docs_tools.documents import table, write_part
from features.accounts import read_out
from pipelines.campaigns.memberships import with_groups
from pipelines.workspace import Workspace
from simulation.presets import PRESETS
from training.baselines.single_column_rule import VOLUME_FEATURE
from training.evaluation.detection import Detection, detect
from training.evaluation.intervals import draw
from training.evaluation.metrics import Estimate
from training.examples.test_set import TestSet, make_test_set
from training.fitting.candidates import FittedCandidate
from training.models.candidate import OURS

PAGE, PART = "campaigns.md", "early"
SCENARIO = "mixed"
LOOKS = 24  # times at which a world is looked at, at most
REPLICATES = 300
_HEAD = (
    "world", "honest accounts", "of campaigns", "false-positive rate", "detected", "days, half", "days, 90 %",
    "requests, half",
    "requests, 90 %", "served before",
)  # fmt: skip
_COUNT = "{:,.0f}".format


def train_on(world: TrainingWorld, seed: int) -> FittedCandidate:
    """Train the model that this world's labels give, as of its end."""
    return ours(replace(data_without(world, [], LABELLED), seed=seed))[OURS]


def follow(scenario: str, pools: Path | None, seed: int) -> TestSet:
    """Make a scenario's world and read out its accounts time after time."""
    with tempfile.TemporaryDirectory() as scratch:
        tables, workspace = Path(scratch) / "world", Workspace(Path(scratch) / "workspace")
        log_step(f"{scenario}: making")
        simulate_small(scenario, tables, seed=seed, pools=pools)
        ingest_world(workspace, tables)
        truth, requests = pl.read_parquet(tables / "truth.parquet"), pl.scan_parquet(tables / "requests" / "*.parquet")
        first = requests.select(pl.col("timestamp").min()).collect().item()
        times = looks(first, end_of_world(tables))
        log_step(f"{scenario}: looking at it {len(times)} times")
        with threadpool_limits(1, user_api="blas"):
            seen = pl.concat(look(workspace, time) for time in times)
        return course(seen, truth, served(requests, truth, times), scenario)


def looks(first: datetime, last: datetime) -> list[datetime]:
    """Midnights up to the last, evenly apart, whole days, `LOOKS` at most."""
    step = max(1, ceil((last - first) / timedelta(days=LOOKS)))
    return [last - timedelta(days=step * i) for i in range(LOOKS) if last - timedelta(days=step * i) > first][::-1]


def look(workspace: Workspace, as_of: datetime) -> pl.DataFrame:
    """Features of accounts that sent something within the window, and whether they are in a campaign."""
    rows = read_out(workspace.lake, as_of).filter(pl.col(VOLUME_FEATURE).is_not_null())
    return with_groups(workspace, rows.with_columns(as_of=_at(as_of)), ignore_progress)


def served(requests: pl.LazyFrame, truth: pl.DataFrame, times: Iterable[datetime]) -> pl.DataFrame:
    """`account_id`, `as_of`, `served`: requests of an account's part in a campaign up to each time; only where any."""
    spans = _spans(truth).lazy()
    inside = pl.col("timestamp").is_between(pl.col("began"), pl.col("end"))
    own = requests.select("account_id", "timestamp").join(spans, on="account_id").filter(inside).collect()
    counted = [
        own.filter(pl.col("timestamp") <= time)
        .group_by("account_id")
        .agg(served=pl.len())
        .with_columns(as_of=_at(time))
        for time in times
    ]
    return pl.concat(counted)


def course(seen: pl.DataFrame, truth: pl.DataFrame, served: pl.DataFrame, name: str) -> TestSet:
    """A test set: honest accounts at their last snapshot, the others at every snapshot since their campaign began."""
    spans, by_account = _spans(truth), truth.unique("account_id", keep="first", maintain_order=True)
    campaigns = by_account.select("account_id", pl.when("label").then(True).alias("label"), "campaign")
    rows = seen.join(campaigns, on="account_id").join(spans.select("account_id", "began"), on="account_id", how="left")
    counted = rows.join(served, on=["account_id", "as_of"], how="left")
    acting = pl.col("label").is_null() | pl.col("served").is_not_null()
    return make_test_set(counted.filter(acting), name)


def detect_in(test: TestSet, model: FittedCandidate, seed: int) -> Detection:
    """How early a model detects the accounts of campaigns."""
    label = test.frame["label"].fill_null(False).to_numpy()
    codes = test.frame["campaign"].rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
    risk = model.risk(test.frame)
    return detect(test, label, risk, model.risk, draw(label, codes, REPLICATES, seed))


def row(scenario: str, honest: int, detection: Detection) -> list[str]:
    """One row of the page's table."""
    head = [scenario, f"{honest:,}", f"{detection.accounts:,}"]
    if detection.false_positive_rate is None:
        return [*head, detection.note, *["-"] * 6]
    shown = {"detected": "{:.2f}".format, "served_share": "{:.2f}".format, "days": _COUNT, "days_90": _COUNT}
    names = ("detected", "days", "days_90", "requests", "requests_90", "served_share")
    cells = [format_delay(detection.estimate(name), shown.get(name, _COUNT)) for name in names]
    return [*head, f"{detection.false_positive_rate:.1%}", *cells]


def format_delay(estimate: Estimate, show: Callable[[float], str]) -> str:
    """`4 [3, 9]`; `never` where so many are not detected; an interval without an upper end stays open."""
    if estimate.value is None:
        return "never" if estimate.note.startswith("fewer than") else "-"
    low = show(estimate.value if estimate.low is None else estimate.low)
    return f"{show(estimate.value)} [{low}, {'never' if estimate.high is None else show(estimate.high)}]"


def _spans(truth: pl.DataFrame) -> pl.DataFrame:
    """`account_id`, `began`, `end` of each account's part in campaigns."""
    return truth.filter("label").group_by("account_id").agg(began=pl.col("start").min(), end=pl.col("end").max())


def _at(time: datetime) -> pl.Expr:
    return pl.lit(time).cast(pl.Datetime("us", "UTC"))


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = new_parser("early", __doc__)
    add_world_options(parser, scale=0.7, seed=1)
    parser.add_argument("--scenario", action="append", choices=sorted(PRESETS))
    add_docs_option(parser, f"docs/results/{PAGE}")
    options = parser.parse_args()
    world = prepare_world(SCENARIO, options.pools, scale=options.scale, seed=options.seed, cache=options.cache)
    log_step("learning")
    with threadpool_limits(1, user_api="blas"):
        model = train_on(world, options.seed)
    rows = []
    for scenario in options.scenario or sorted(PRESETS):
        test = follow(scenario, options.pools, options.seed + 1)
        honest = test.frame["label"].is_null().sum()
        rows.append(row(scenario, honest, detect_in(test, model, options.seed)))
    lines = [f"FittedCandidate on {world.name}; the worlds have the next seed.", "", *table(_HEAD, rows)]
    print("\n".join(lines))
    if options.docs:
        write_part(PAGE, PART, lines)


if __name__ == "__main__":
    main()
