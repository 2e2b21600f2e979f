"""Simulated worlds: what they cost, whether one column gives a family away, how near they are to measured traffic.

python -m benchmarks worlds speed [--scenario hydra-2026-06] [--scale 0.05] [--days D]
python -m benchmarks worlds single-column [--scenario NAME] [--scale F] [--pools DIR]
python -m benchmarks worlds realism --pools DIR
python -m benchmarks worlds fit --pools DIR      prints `simulation.constants.measured_constants`
python -m benchmarks worlds docs --pools DIR     writes docs/results/worlds.md and its pictures
"""

import pprint
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.options import new_parser
from benchmarks.worlds.world_curves import world_pictures
from docs_tools.documents import RESULTS, measured_at
from docs_tools.pictures import draw_curves
from simulation import SCENARIOS, SimulationRequest, simulate
from simulation.audit.realism import CohortComparison, compare_cohorts
from simulation.audit.single_column import AUDIT_SIZES, MAX_AUC, VOLUME, column_aucs, enlarge_families, limited_rows
from simulation.audit.split_pools import split_pools
from simulation.cohorts import COHORTS
from simulation.cohorts.sources import describe_sources
from simulation.constants import pool_rhythms
from simulation.presets import PRESETS

MARK = "<!-- generated below by python -m benchmarks worlds docs -->"
WHAT = ("speed", "single-column", "realism", "fit", "docs")


def simulation_speed(scenario: str, scale: float, days: int | None) -> str:
    """Requests a second of wall and of processor time, and peak memory, of one world in this process."""
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        simulated = simulate(SimulationRequest(scenario=scenario, out=Path(folder) / "world", scale=scale, days=days))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        served = _served(Path(folder) / "world")
    return (
        f"{scenario} at scale {scale:g}: {simulated.requests:,} requests, {simulated.campaign_accounts:,} campaign "
        f"accounts of {simulated.accounts:,}, {served:,} requests in a campaign's service; "
        f"{simulated.requests / wall:,.0f} requests/s, {simulated.requests / cpu:,.0f} a second of one core, "
        f"peak memory {peak:.2f} GB"
    )


def _served(world: Path) -> int:
    """Requests of campaign accounts while they served, the campaigns' cover traffic among them."""
    truth = pl.scan_parquet(world / "truth.parquet").filter("label").group_by("account_id")
    span = truth.agg(pl.col("start").min(), pl.col("end").max())
    requests = pl.scan_parquet(world / "requests" / "*.parquet").select("account_id", "timestamp")
    inside = pl.col("timestamp").is_between(pl.col("start"), pl.col("end"))
    return requests.join(span, on="account_id").filter(inside).select(pl.len()).collect(engine="streaming").item()


def audit_columns(scenario: str, scale: float | None, pools: Path | None) -> pl.DataFrame:
    """How well each single column separates families, in one scenario at a small scale."""
    small, days = AUDIT_SIZES[scenario]
    preset = enlarge_families(PRESETS[scenario], small)
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder) / "world"
        simulate(
            SimulationRequest(
                scenario=preset, out=world, scale=scale or small, days=days, pools=pools if preset.pools else None
            )
        )
        return column_aucs(world)


def column_rows(scenario: str, audit: pl.DataFrame) -> list[str]:
    """A row for each family: accounts, the three worst columns, and volume against all honest accounts."""
    lines = []
    bound = limited_rows(audit)
    for family in sorted(audit["family"].unique()):
        rows = bound.filter(pl.col("family") == family)
        worst = ", ".join(f"{c} {a:.3f}" for c, a in rows.head(3).select("column", "auc").iter_rows())
        volume = audit.filter((pl.col("family") == family) & (pl.col("column") == VOLUME))["auc"][0]
        verdict = "" if rows["auc"][0] < MAX_AUC else " **above the limit**"
        lines.append(f"| {scenario} | {family} | {rows['accounts'][0]} | {worst}{verdict} | {volume:.3f} |")
    return lines


def compare_with_measured(pools: Path, scale: float, out: Path) -> dict[str, list[CohortComparison]]:
    """The comparisons of `small` with and without pools, in the folders of these names below `out`.

    One half of the pools makes the world, the other judges both.
    """
    make, judge = split_pools(pools, out / "halves")
    compared = {}
    for name, source_pools in (("with pools", make), ("without pools", None)):
        simulate(SimulationRequest(scenario="small", out=out / name, scale=scale, pools=source_pools))
        compared[name] = compare_cohorts(out / name, judge)
    return compared


def distance_lines(name: str, compared: list[CohortComparison]) -> list[str]:
    """A heading, the worst, and one line a comparison, the worst first."""
    ordered = sorted(compared, key=lambda s: -s.distance)
    worst = ordered[0]
    return [
        "",
        f"### Worlds {name}",
        "",
        f"The worst is **{worst.measure} of {worst.cohort}** against {worst.source}: {worst.distance:.3f}.",
        "",
        "| cohort | what | source | median, simulated | median, measured | distance |",
        "|---|---|---|---|---|---|",
        *(
            f"| {s.cohort} | {s.measure} | {s.source} | {np.median(s.simulated):.2f} | {np.median(s.observed):.2f} | "
            f"{s.distance:.3f} |"
            for s in ordered
        ),
    ]


def fit_rhythms(pools: Path) -> str:
    """The constants of worlds without pools, from the half that makes worlds."""
    with tempfile.TemporaryDirectory() as folder:
        tokens, gaps = pool_rhythms.fit_constants(split_pools(pools, Path(folder) / "halves")[0])
    printer = pprint.PrettyPrinter(width=118, compact=True, sort_dicts=False)
    return f"TOKENS = {printer.pformat(tokens)}\nGAPS = {printer.pformat(gaps)}"


def write_page(pools: Path) -> None:
    """Write what is measured below the mark in docs/results/worlds.md, and the pictures beside it."""
    with tempfile.TemporaryDirectory() as folder:
        by_world = compare_with_measured(pools, 2.0, Path(folder))
        pictures = world_pictures(Path(folder) / "with pools", by_world["with pools"], pools)
    (RESULTS / "worlds").mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        draw_curves(RESULTS / "worlds" / f"{name}.png", picture)
    lines = ["", measured_at(), "", "## Simulated against measured"]
    for name, compared in by_world.items():
        lines += distance_lines(name, compared)
    lines += [
        "",
        "## No single column gives a family away",
        "",
        "| scenario | family | accounts | the three worst columns, AUC | volume, all honest |",
        "|---|---|---|---|---|",
    ]
    for scenario in SCENARIOS:
        lines += column_rows(scenario, audit_columns(scenario, None, pools))
    lines += ["", "## Cohorts", "", "| cohort | share | requests an active day | source |", "|---|---|---|---|"]
    lines += [f"| {c.name} | {c.share:g} | {c.rate[0]:g} | {describe_sources(c)} |" for c in COHORTS.values()]
    text = (RESULTS / "worlds.md").read_text(encoding="utf-8").partition(MARK)[0]
    (RESULTS / "worlds.md").write_text(text + MARK + "\n" + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Run one of the measurements."""
    parser = new_parser("worlds", __doc__)
    parser.add_argument("what", nargs="?", default=WHAT[0], choices=WHAT)
    parser.add_argument("--scenario", choices=SCENARIOS)
    parser.add_argument("--scale", type=float)
    parser.add_argument("--days", type=int)
    parser.add_argument("--pools", type=Path)
    options = parser.parse_args()
    if options.what in ("realism", "fit", "docs") and options.pools is None:
        parser.error(f"{options.what} reads real data: give its folder with --pools")
    if options.what == "speed":
        print(simulation_speed(options.scenario or "hydra-2026-06", options.scale or 0.05, options.days))
    elif options.what == "single-column":
        possible = [scenario for scenario in SCENARIOS if options.pools or not PRESETS[scenario].pools]
        for scenario in [options.scenario] if options.scenario else possible:
            print(*column_rows(scenario, audit_columns(scenario, options.scale, options.pools)), sep="\n", flush=True)
    elif options.what == "realism":
        with tempfile.TemporaryDirectory() as folder:
            for name, compared in compare_with_measured(options.pools, options.scale or 2.0, Path(folder)).items():
                print(*distance_lines(name, compared), sep="\n")
    elif options.what == "fit":
        print(fit_rhythms(options.pools))
    else:
        write_page(options.pools)


if __name__ == "__main__":
    main()
