"""A disclosed campaign, replayed as it would have come: ingested and scored day by day, trained on every week.

python -m benchmarks replay --work DIR [--scenario hydra-2026-06] [--scale 0.02] [--labels others|none] [--docs]

`others`: only three campaigns of other families, added to the world, are labelled; `none`: nothing is. The campaign
itself is never labelled. A day that was played is kept in the folder of `--work`, so a replay that was stopped goes on
there. Above the threshold is who has the level `act`, by the champion's own threshold. At `--scale 1` the campaign of
June 2026 has 25,000 accounts and 28.8 million requests among 64 million others: count on hours.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, new_parser
from benchmarks.replay.course import Course, DailyAnswers
from benchmarks.replay.days import Day, Replay
from benchmarks.replay.picture import draw_course
from docs_tools.documents import table, write_part
from simulation import SimulationRequest, simulate
from simulation.presets import PRESETS
from simulation.presets.small import CAMPAIGNS
from simulation.world import Scenario

KEY = "3e" * 32  # of the workspace; the figures must not depend on it
PAGE = "replay.md"
OTHERS = 3  # campaigns of other families that are labelled
OTHER_ACCOUNTS = 40  # of each of them, whatever the scale


def main() -> int:
    """Replay, print, and write the page."""
    parser = new_parser("replay", __doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the world and each day's answers")
    parser.add_argument(
        "--scenario",
        choices=[name for name in PRESETS if not PRESETS[name].pools],
        default="hydra-2026-06",
        help="default: %(default)s",
    )
    parser.add_argument("--scale", type=float, default=0.02, help="share of the accounts (default: %(default)s)")
    parser.add_argument("--labels", choices=("others", "none"), default="others", help="default: %(default)s")
    parser.add_argument("--days", type=int, help="length of the world (default: the scenario's)")
    parser.add_argument("--seed", type=int, default=1, help="of the world (default: %(default)s)")
    add_docs_option(parser, f"docs/results/{PAGE}")
    options = parser.parse_args()
    os.environ["STILLWATCH_KEY"] = KEY
    lines = replay_days(options)
    print("\n".join(lines))
    return 0


def replay_days(options: argparse.Namespace) -> list[str]:
    """Make the world, play its days; the lines of the tables."""
    preset = PRESETS[options.scenario]
    own = tuple(campaign.name for campaign in preset.campaigns)
    name = f"{options.scenario}-{options.scale:g}-{options.seed}" + (f"-{options.days}" if options.days else "")
    world = options.work.resolve() / f"world-{name}"
    if not (world / "truth.parquet").exists():
        log_step(f"making {world}")
        shutil.rmtree(world, ignore_errors=True)  # of a run that was stopped
        scenario = with_others(preset, options.scale)
        simulate(
            SimulationRequest(scenario=scenario, out=world, scale=options.scale, seed=options.seed, days=options.days)
        )
    unlabelled = own if options.labels == "others" else None
    played = Replay(world, options.work.resolve() / f"replay-{name}-{options.labels}", unlabelled)
    days, answers = played.play(), DailyAnswers(played)
    courses = {name: answers.course([name]) for name in own}
    whole = answers.course(own)
    lines = [*course_lines(courses | {"all": whole}), "", *honest_lines(answers), "", *cost_lines(days, whole)]
    if options.docs:
        part = f"{options.scenario}-{options.labels}"
        draw_course(whole, f"{options.scenario}, scale {options.scale:g}, labels: {options.labels}", part)
        write_part(PAGE, part, [f"![The course of the campaign]({part}.png)", "", *lines])
    return lines


def with_others(preset: Scenario, scale: float) -> Scenario:
    """The scenario with a few campaigns of families that it lacks, which are found in the first days."""
    families = {campaign.family for campaign in preset.campaigns}
    chosen = [campaign for campaign in CAMPAIGNS if campaign.family not in families][:OTHERS]
    others = [
        replace(
            campaign,
            name=f"other-{campaign.name}",
            tactics=replace(campaign.tactics, accounts=round(OTHER_ACCOUNTS / scale), days=(0.0, 0.8), found_after=2.0),
        )
        for campaign in chosen
    ]
    return replace(preset, campaigns=(*preset.campaigns, *others))


def course_lines(courses: dict[str, Course]) -> list[str]:
    """When each campaign was found, and what it had been served by then."""
    head = ("campaign", "accounts", "requests", "first reported", "half above the threshold", "90 % above it")
    return table(head, [_course_row(name, course) for name, course in courses.items()])


def _course_row(name: str, course: Course) -> list[str]:
    days = (course.first_reported, course.day_of(0.5), course.day_of(0.9))
    return [name, f"{course.accounts:,}", f"{course.requests:,}", *(_moment(course, day) for day in days)]


def _moment(course: Course, day: int | None) -> str:
    share = course.served_by(day)
    return "never" if share is None else f"day {day}, {share:.0%} served"


def honest_lines(answers: DailyAnswers) -> list[str]:
    """How many honest accounts were flagged, and groups of them reported."""
    last, ever, honest = answers.honest_flagged()
    wrong, groups = answers.honest_groups()
    return [
        f"Of {honest:,} honest accounts {last:,} ({last / honest:.2%}) are above the threshold at the end, and "
        f"{ever:,} ({ever / honest:.2%}) were at the end of some day. Of {groups} groups that are reported at the end "
        f"{wrong} are mostly honest accounts."
    ]


def cost_lines(days: Sequence[Day], whole: Course) -> list[str]:
    """The course by weeks, and what the commands cost on each week's last day."""
    head = (
        "day", "requests of the day", "of them the campaign's", "members seen", "above the threshold", "reported",
        "ingest, s", "retrain, s", "score, s", "campaigns, s", "peak GB",
    )  # fmt: skip
    shown = [day for day in days if day.number % 7 == 0 or day.number == len(days)]
    per_day = whole.days["served"].diff().fill_null(whole.days["served"].first()).to_list()
    return table(head, [_cost_row(day, per_day[day.number - 1], whole) for day in shown])


def _cost_row(day: Day, served: int, whole: Course) -> list[str]:
    row = whole.days.row(day.number - 1, named=True)
    seconds = [
        f"{day.usage[name].processor:.0f}" if name in day.usage else "-"
        for name in ("ingest", "retrain", "score", "campaigns")
    ]
    peak = max(usage.peak for usage in day.usage.values())
    counts = [f"{row[name]:,}" for name in ("members", "flagged", "reported")]
    return [str(day.number), f"{day.requests:,}", f"{served:,}", *counts, *seconds, f"{peak:.2f}"]


if __name__ == "__main__":
    sys.exit(main())
