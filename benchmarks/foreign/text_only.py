"""Whether an account is caught by its texts alone: everything but its prompts is that of an honest customer.

python -m benchmarks text_only --world DIR --pools DIR [--work DIR] [--docs]

Honest accounts of the world become bearers. Each keeps its newest `REQUESTS` requests, of which some have the prompts
of one source: prompts of judges, tool dialogues or mathematics. Times, lengths, addresses, clients and registration
stay. The whole line runs on this world by its commands. The detector of arXiv 2606.05725 is beside it, calibrated in
two ways: the paper's, by random windows of ordinary traffic of the account's own kind of customer, which here the truth
tells; and on all customers, like our risk, by what honest accounts score.
"""

import argparse
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.foreign.foreign import KEY
from benchmarks.foreign.run import TABLES, ForeignWorld, Run
from benchmarks.foreign.windows_by_kind import score_by_kind
from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, new_parser
from docs_tools.documents import table, write_part
from features.lake import HISTORY
from pipelines.models.detectors import with_detectors
from training.evaluation.intervals import wilson
from training.examples.dataset import DETECTOR_COLUMNS
from training.examples.splits import hash_fraction_expr

PAGE, PART = "own-kind.md", "text-only"
REQUESTS = 100  # of a bearer
SHARES = (0.05, 0.25, 0.5, 1.0)  # of its prompts that come from a source
SOURCES = {"judge": None, "tools": ("gpteacher_toolformer", "glaive_toolcall_en"), "mathematics": ("gsm8k_train",)}
BEARERS = 20  # accounts of each source and share; more would leave few honest accounts of as many requests
RATES = (0.01, 0.05)  # false positives, of honest accounts
SEED = 71
OURS, PAPER, ALL = "stillwatch", "MMD, the paper's calibration", "MMD on all customers"


def read_sources(pools: Path) -> dict[str, list[str]]:
    """The prompts of each source, without repeats, in the pools' order."""
    judge, seeds = (pl.read_parquet(pools / f"prompts_{name}.parquet") for name in ("judge", "extraction_seeds"))
    return {
        name: (judge if of is None else seeds.filter(pl.col("source").is_in(of)))["prompt"]
        .unique(maintain_order=True)
        .to_list()
        for name, of in SOURCES.items()
    }


def choose_bearers(requests: pl.DataFrame, honest: pl.Series, end: pl.Expr) -> pl.DataFrame:
    """Draw `account_id`, `source`, `share` among honest accounts with enough prompts within the last 28 days."""
    recent = requests.filter(pl.col("prompt").is_not_null() & (pl.col("timestamp") > end - HISTORY))
    enough = recent.group_by("account_id").len().filter(pl.col("len") >= REQUESTS)
    drawn = enough.filter(pl.col("account_id").is_in(honest.implode())).sort(
        hash_fraction_expr(pl.col("account_id"), SEED)
    )
    cells = [(source, share) for share in SHARES for source in SOURCES]
    count = min(BEARERS, len(drawn) // (2 * len(cells)))  # half of them stay honest, to be compared with
    if not count:
        raise SystemExit(f"--world: {2 * len(cells)} honest accounts with {REQUESTS} prompts are needed")
    rows = [cell for cell in cells for _ in range(count)]
    return (
        drawn.head(len(rows))
        .select("account_id")
        .with_columns(pl.DataFrame(rows, schema=["source", "share"], orient="row"))
    )


def put_texts(requests: pl.DataFrame, bearers: pl.DataFrame, prompts: dict[str, list[str]]) -> pl.DataFrame:
    """Cut the bearers' requests, and give some of them prompts of their source."""
    ordered = requests.join(bearers, on="account_id", how="left").sort("account_id", "timestamp", "request_id")
    is_bearers = pl.col("source").is_not_null()
    remaining = pl.int_range(pl.len(), 0, -1).over("account_id", "source", pl.col("prompt").is_not_null())
    cut = ordered.filter(~is_bearers | (pl.col("prompt").is_not_null() & (remaining <= REQUESTS)))
    turn = hash_fraction_expr(pl.col("request_id"), SEED).rank("ordinal").over("account_id")
    replaced = is_bearers & (turn <= (pl.col("share") * REQUESTS).round())
    texts = cut.with_columns(replaced=replaced).with_row_index("row")
    rng, parts = np.random.default_rng(SEED), []
    for (_, source), rows in texts.filter("replaced").group_by("account_id", "source", maintain_order=True):
        drawn = rng.choice(len(prompts[str(source)]), len(rows), replace=False)
        parts.append(rows.select("row").with_columns(text=pl.Series([prompts[str(source)][i] for i in drawn])))
    new = texts.join(pl.concat(parts), on="row", how="left", maintain_order="left")
    return new.with_columns(prompt=pl.coalesce("text", "prompt")).select(requests.columns)


def write_world(world: ForeignWorld, pools: Path, folder: Path) -> pl.DataFrame:
    """Write the tables of the world with the bearers in it; returns these."""
    requests = pl.read_parquet(world.folder / "requests" / "*.parquet").unique("request_id", maintain_order=True)
    labelled = pl.read_parquet(world.folder / "labels.parquet")["account_id"]
    bearers = choose_bearers(requests, honest_accounts(world, labelled), pl.lit(world.times[-1]))
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "requests").mkdir(parents=True)
    put_texts(requests, bearers, read_sources(pools)).write_parquet(folder / "requests" / "all.parquet")
    for name in (*TABLES, "labels"):
        shutil.copy(world.folder / f"{name}.parquet", folder / f"{name}.parquet")
    bearers.write_parquet(folder / "bearers.parquet")  # last: a folder that has it is complete
    return bearers


def honest_accounts(world: ForeignWorld, but: pl.Series) -> pl.Series:
    """The honest accounts of the truth, but for some."""
    truth = pl.read_parquet(world.folder / "truth.parquet").filter(~pl.col("label"))
    return truth.filter(~pl.col("account_id").is_in(but.implode()))["account_id"].unique().sort()


@dataclass(frozen=True)
class JudgedScores:
    """Scores of bearers, and of the honest accounts that they are compared with.

    Attributes:
        bearers: `source`, `share`, `score`.
        honest: scores.
        limits: by false-positive rate the score above which an account is flagged.
    """

    bearers: pl.DataFrame
    honest: NDArray[np.float64]
    limits: dict[float, float]

    def flagged(self, rate: float, chosen: pl.Expr) -> tuple[int, int]:
        """Flagged bearers among the chosen ones, and how many these are."""
        scores = self.bearers.filter(chosen)["score"]
        return int((scores > self.limits[rate]).sum()), len(scores)

    def false_positives(self, rate: float) -> float:
        """The share of honest accounts that is flagged."""
        return float((self.honest > self.limits[rate]).mean())


def judge_scores(
    scores: pl.DataFrame, bearers: pl.DataFrame, honest: pl.Series, limits: dict[float, float] | None = None
) -> JudgedScores:
    """Judge `account_id`, `score` at limits by false-positive rate; honest accounts set those that are not given."""
    own = scores.with_columns(pl.col("score").fill_null(0.0).fill_nan(0.0))
    reference = own.filter(pl.col("account_id").is_in(honest.implode()))["score"].to_numpy()
    ordered = np.sort(reference)[::-1]
    at_rate = limits or {rate: float(ordered[int(rate * ordered.size)]) for rate in RATES}
    return JudgedScores(own.join(bearers, on="account_id"), reference, at_rate)


def recall_table(judged: dict[str, JudgedScores]) -> list[str]:
    """A row for each detector and rate: its false positives, and recall by share, then by source at 25 %."""
    rows = []
    for name, scores in judged.items():
        for rate in RATES:
            by_share = [_interval(*scores.flagged(rate, pl.col("share") == share)) for share in SHARES]
            by_source = [
                "{} of {}".format(*scores.flagged(rate, (pl.col("source") == source) & (pl.col("share") == 0.25)))
                for source in SOURCES
            ]
            rows.append([name, f"{rate:.0%}", f"{scores.false_positives(rate):.1%}", *by_share, *by_source])
    shares, sources = ([f"{share:.0%}" for share in SHARES], [f"{source}, 25%" for source in SOURCES])
    return table(["detector", "set at", "false positives", *shares, *sources], rows)


def _interval(flagged: int, of: int) -> str:
    low, high = wilson(flagged / of, of)
    return f"{flagged / of:.2f} [{low:.2f}, {high:.2f}]"


def measure_texts(world: ForeignWorld, pools: Path, work: Path) -> list[str]:
    """Run all steps; the lines of the part."""
    folder = work / "world"
    done = folder / "bearers.parquet"
    log_step("writing the world with bearers")
    bearers = pl.read_parquet(done) if done.exists() else write_world(world, pools, folder)
    run = Run(ForeignWorld(folder), work / "run")
    run.fill()
    log_step(run.retrain())
    end = run.world.times[-1]
    labelled = pl.read_parquet(folder / "labels.parquet")["account_id"]
    honest = honest_accounts(world, pl.concat([labelled, bearers["account_id"]]))
    risks = pl.read_parquet(run.latest_score()).select("account_id", score="risk")
    accounts = risks.select("account_id", as_of=pl.lit(end).cast(pl.Datetime("us", "UTC")))
    windows = with_detectors(run.workspace.lake, accounts).select("account_id", score=DETECTOR_COLUMNS[0])
    kinds = pl.read_parquet(world.folder / "truth.parquet").filter(~pl.col("label")).select("account_id", "cohort")
    judged = {OURS: judge_scores(risks, bearers, honest), ALL: judge_scores(windows, bearers, honest)}
    by_kind = score_by_kind(run.workspace.lake, end, kinds, bearers["account_id"])
    judged[PAPER] = judge_scores(by_kind, bearers, honest, {rate: 1 - rate for rate in RATES})
    many = as_heavy(run, honest)
    rivals = {f"{name}, among as heavy ones": judge_scores(scores, bearers, many)
              for name, scores in ((OURS, risks), (ALL, windows))}  # fmt: skip
    scope = (
        f"{len(bearers)} of the honest accounts with {REQUESTS} prompts or more are bearers; {len(honest):,} honest "
        f"accounts are judged, {len(many):,} of them with as many prompts. Mean over {', '.join(SOURCES)}."
    )
    return [scope, "", *recall_table(judged | rivals)]


def as_heavy(run: Run, honest: pl.Series) -> pl.Series:
    """The honest accounts with as many prompts within 28 days as bearers have."""
    rollups = run.workspace.lake.account_rollups(run.world.times[-1])
    prompts = rollups.group_by("account_id").agg(pl.col("with_text").sum()).collect(engine="streaming")
    enough = prompts.filter(pl.col("with_text") >= REQUESTS)["account_id"]
    return honest.filter(honest.is_in(enough.implode()))


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = new_parser("text_only", __doc__)
    parser.add_argument("--world", type=Path, required=True, help="folder of the world")
    parser.add_argument("--pools", type=Path, required=True, help="folder of real prompts")
    parser.add_argument("--work", type=Path, help="folder that keeps workspaces and scores (default: a temporary one)")
    add_docs_option(parser, f"docs/results/{PAGE}")
    options: argparse.Namespace = parser.parse_args()
    os.environ["STILLWATCH_KEY"] = KEY
    with tempfile.TemporaryDirectory() as scratch:
        lines = measure_texts(
            ForeignWorld(options.world.resolve()), options.pools, (options.work or Path(scratch)).resolve()
        )
    print("\n".join(lines))
    if options.docs:
        write_part(PAGE, PART, lines)


if __name__ == "__main__":
    main()
