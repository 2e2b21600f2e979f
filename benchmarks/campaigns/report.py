"""Reports of a disclosed campaign against the truth: who, when and how much.

python -m benchmarks report --work DIR [--scenario hydra-2026-06] [--scale 0.02] [--days 45] [--seed 0] [--docs]

A world is made, ingested and trained on with its own labels, and each campaign that is reported at its end gets an
evidence file. Its dates and volumes are compared with those of the world's own requests.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
import stix2validator

from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, new_parser
from benchmarks.worlds.simulated import REJECT_LIMIT, ignore_progress, ingest_world, midnight_after
from docs_tools.documents import table, write_part
from pipelines.build import build
from pipelines.campaigns.report import ReportRequest, write_report
from pipelines.campaigns.tables import gather_campaigns
from pipelines.inputs.labels import read_label_table
from pipelines.models.champion import promote
from pipelines.models.train import VersionRequest, train_version
from pipelines.workspace import Workspace
from simulation import SimulationRequest, simulate
from training.reports.campaign.value import CampaignReport

_UNHASHED_PAGE = "302"  # the validator's warning of a link to a web page without its hash, which changes


@dataclass(frozen=True)
class ReportedWorld:
    """A world, and what it is at the time asked about.

    Attributes:
        folder: of its tables.
        workspace: which holds its log.
        log: the requests, as the contract has them.
        as_of: the end of the world.
    """

    folder: Path
    workspace: Workspace
    log: pl.LazyFrame
    as_of: datetime


def open_world(folder: Path) -> ReportedWorld:
    """The world in `folder/world`, ingested into `folder/workspace`."""
    made = folder / "world"
    log = pl.scan_parquet(made / "requests" / "*.parquet")
    return ReportedWorld(made, Workspace(folder / "workspace"), log, midnight_after(log))


@dataclass(frozen=True)
class ReportBesideTruth:
    """A report beside the truth of the operator that most of its members are of.

    Attributes:
        campaign: the operator's name in the truth.
        reported: accounts of the report.
        true: of them in any campaign of the truth, and `own` in this one.
        accounts: this campaign's accounts with a request in the log.
        requests: of the reported accounts of this campaign.
        all_requests: of all accounts of this campaign.
        differences: what of the report is not what the world's requests say; empty if all agree.
        problems: errors and warnings of the STIX validator.
    """

    campaign: str
    reported: int
    true: int
    own: int
    accounts: int
    requests: int
    all_requests: int
    differences: tuple[str, ...]
    problems: tuple[str, ...]


def make_reported_world(scenario: str, scale: float, days: int, seed: int, folder: Path) -> ReportedWorld:
    """Simulate a world and ingest it."""
    made = folder / "world"
    simulate(SimulationRequest(scenario=scenario, out=made, scale=scale, days=days, seed=seed))
    ingest_world(Workspace(folder / "workspace"), made)
    return open_world(folder)


def train_champion(world: ReportedWorld) -> None:
    """Train on what the world's own labels said by its end, and promote whatever the gate says."""
    labels = read_label_table(world.folder / "labels.parquet", REJECT_LIMIT).frame
    build(world.workspace, world.as_of, ignore_progress, now=world.as_of)
    fitted = train_version(world.workspace, VersionRequest(labels=labels, as_of=world.as_of), ignore_progress)
    promote(world.workspace, fitted.version, now=world.as_of, reason="to be measured")


def compare_reports(world: ReportedWorld, out: Path) -> Iterator[ReportBesideTruth]:
    """Write a report of each campaign that is reported, the largest first, and compare it with the truth."""
    reported = gather_campaigns(world.workspace, world.as_of, ignore_progress).members
    sizes = reported.group_by("campaign_id").len().sort("len", "campaign_id", descending=[True, False])
    for campaign_id in sizes["campaign_id"]:
        yield compare_report(world, write_revealed(world, campaign_id, out / campaign_id), out / campaign_id)


def write_revealed(world: ReportedWorld, campaign_id: str, out: Path) -> CampaignReport:
    """Write a report that names its accounts."""
    request = ReportRequest(
        campaign_id=campaign_id, as_of=world.as_of, out=out, author="A provider", reveal=True, sources={}
    )
    return write_report(world.workspace, request, ignore_progress, now=world.as_of)


def compare_report(world: ReportedWorld, report: CampaignReport, folder: Path) -> ReportBesideTruth:
    """Compare a report, and the files in its folder, with the world's own tables."""
    truth = pl.read_parquet(world.folder / "truth.parquet").filter("label")
    log = world.log.filter(pl.col("timestamp") <= world.as_of)
    members = pl.read_csv(folder / "revealed" / "accounts.csv")
    in_truth = members.join(truth, on="account_id")
    names = in_truth["campaign"].value_counts(sort=True)["campaign"]
    campaign = names[0] if len(names) else "none"
    everybody = truth.filter(pl.col("campaign") == campaign).select("account_id").unique()
    counts = log.join(everybody.lazy(), on="account_id").group_by("account_id").len().collect()
    own = counts.join(members, on="account_id", how="semi")
    validated = stix2validator.validate_string(
        (folder / "stix.json").read_text(encoding="utf-8"),
        stix2validator.ValidationOptions(version="2.1", disabled=_UNHASHED_PAGE),
    )
    return ReportBesideTruth(
        campaign=campaign,
        reported=report.size,
        true=in_truth["account_id"].n_unique(),
        own=own.height,
        accounts=counts.height,
        requests=int(own["len"].sum()),
        all_requests=int(counts["len"].sum()),
        differences=tuple(_differences(log.join(members.lazy(), on="account_id"), report, folder)),
        problems=tuple(map(str, [*validated.errors, *validated.warnings])),
    )


def _differences(sent: pl.LazyFrame, report: CampaignReport, folder: Path) -> Iterator[str]:
    """What of the report differs from what its accounts sent."""
    tokens, hour = pl.col("input_tokens") + pl.col("output_tokens"), pl.col("timestamp").dt.truncate("1h")
    figures = {"requests": pl.len(), "tokens": tokens.cast(pl.Int64).sum()}
    span = {"first_seen": hour.min(), "last_seen": hour.max()}
    by_account = sent.group_by("account").agg(**span, **figures).sort("account").collect()
    by_day = sent.group_by(day=pl.col("timestamp").dt.date()).agg(**figures).sort("day").collect()
    said = pl.read_csv(folder / "tables" / "accounts.csv", try_parse_dates=True).sort("account")
    daily = pl.read_csv(folder / "tables" / "daily.csv", try_parse_dates=True).filter(pl.col("requests") > 0)
    for name in by_account.columns:
        if by_account[name].to_list() != said[name].to_list():
            yield f"{name} of the accounts"
    for name in by_day.columns:
        if by_day[name].to_list() != daily[name].to_list():
            yield f"{name} of the days"
    totals = report.figures
    (true,) = by_account.select(
        pl.col("first_seen").min(), pl.col("last_seen").max(), pl.col("requests", "tokens").sum()
    ).rows()
    if true != (totals.first_seen, totals.last_seen, totals.requests, totals.tokens):
        yield "the totals"


def show_comparisons(rows: list[ReportBesideTruth], totals: pl.DataFrame) -> list[str]:
    """A table in Markdown, with what was found of each campaign of the truth."""
    cells = [
        [
            row.campaign, f"{row.reported:,}", f"{row.true:,} of {row.reported:,}", _share(row.own, row.accounts),
            _share(row.requests, row.all_requests), ", ".join(row.differences) or "none",
            "valid" if not row.problems else f"{len(row.problems)} problems",
        ]
        for row in rows
    ]  # fmt: skip
    missed = totals.filter(~pl.col("campaign").is_in([row.campaign for row in rows]))
    silent = [f"Not reported: {name} ({number:,} accounts)." for name, number in missed.iter_rows()]
    head = (
        "most members are of", "accounts", "in a campaign", "of its accounts", "of its requests", "differences", "STIX"
    )  # fmt: skip
    return [*table(head, cells), *(["", *silent] if silent else [])]


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({part / whole:.0%})" if whole else "none"


def main() -> None:
    """Make the world, train, report, compare, and print."""
    parser = new_parser("report", __doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the world and its workspace")
    parser.add_argument("--scenario", default="hydra-2026-06")
    parser.add_argument("--scale", type=float, default=0.02)
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--seed", type=int, default=0)
    add_docs_option(parser, "docs/results/campaigns.md")
    options = parser.parse_args()
    mark = options.work / "trained"
    if not mark.exists():
        for made in ("world", "workspace"):  # of a run that was stopped; the folder may hold other things
            shutil.rmtree(options.work / made, ignore_errors=True)
        log_step("simulating and ingesting")
        world = make_reported_world(options.scenario, options.scale, options.days, options.seed, options.work)
        log_step("training")
        train_champion(world)
        mark.touch()
    log_step("reporting")
    world = open_world(options.work)
    with tempfile.TemporaryDirectory() as scratch:
        rows = list(compare_reports(world, Path(scratch)))
    lines = show_comparisons(rows, count_true(world))
    print("\n".join(lines))
    if options.docs:
        write_part("campaigns.md", "report", lines)


def count_true(world: ReportedWorld) -> pl.DataFrame:
    """`campaign`, `len`: how many accounts of each campaign have sent a request."""
    log = world.log.select("account_id").unique().collect()
    truth = pl.read_parquet(world.folder / "truth.parquet").filter("label").join(log, on="account_id", how="semi")
    return truth.group_by("campaign").len().sort("campaign")


if __name__ == "__main__":
    main()
