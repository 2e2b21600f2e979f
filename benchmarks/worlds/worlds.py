"""Worlds of the simulator: what they cost, whether one column betrays them, how near they are to what was measured.

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

import matplotlib
import numpy as np
import polars as pl

from benchmarks.options import new_parser
from docs_tools.documents import RESULTS, measured_at
from simulation import SCENARIOS, SimulationRequest, simulate
from simulation.audit.realism import CohortComparison, compare_cohorts
from simulation.audit.single_column import AUDIT_SIZES, MAX_AUC, VOLUME, column_aucs, enlarge_families, limited_rows
from simulation.audit.split_pools import split_pools
from simulation.cohorts import COHORTS
from simulation.cohorts.sources import describe_sources
from simulation.constants import pool_rhythms
from simulation.presets import PRESETS

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # the backend has to be chosen first

MARK = "<!-- generated below by python -m benchmarks worlds docs -->"
WHAT = ("speed", "single-column", "realism", "fit", "docs")


def speed(scenario: str, scale: float, days: int | None) -> str:
    """Requests a second of wall and of processor time, and peak memory, of one world in this process."""
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        made = simulate(SimulationRequest(scenario=scenario, out=Path(folder) / "world", scale=scale, days=days))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        served = _served(Path(folder) / "world")
    return (
        f"{scenario} at scale {scale:g}: {made.requests:,} requests, {made.campaign_accounts:,} campaign accounts of "
        f"{made.accounts:,}, {served:,} requests in a campaign's service; "
        f"{made.requests / wall:,.0f} requests/s, {made.requests / cpu:,.0f} a second of one core, "
        f"peak memory {peak:.2f} GB"
    )


def _served(world: Path) -> int:
    """Requests of campaign accounts while they served, the campaigns' cover traffic among them."""
    truth = pl.scan_parquet(world / "truth.parquet").filter("label").group_by("account_id")
    span = truth.agg(pl.col("start").min(), pl.col("end").max())
    requests = pl.scan_parquet(world / "requests" / "*.parquet").select("account_id", "timestamp")
    inside = pl.col("timestamp").is_between(pl.col("start"), pl.col("end"))
    return requests.join(span, on="account_id").filter(inside).select(pl.len()).collect(engine="streaming").item()


def betrayal(scenario: str, scale: float | None, pools: Path | None) -> pl.DataFrame:
    """The give-away table of one scenario at a small scale."""
    small, days = AUDIT_SIZES[scenario]
    preset = enlarge_families(PRESETS[scenario])
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder) / "world"
        simulate(
            SimulationRequest(
                scenario=preset, out=world, scale=scale or small, days=days, pools=pools if preset.pools else None
            )
        )
        return column_aucs(world)


def single_column_lines(scenario: str, found: pl.DataFrame) -> list[str]:
    """One line a family: accounts, the three worst columns, and volume against all honest accounts."""
    lines = []
    bound = limited_rows(found)
    for family in sorted(found["family"].unique()):
        rows = bound.filter(pl.col("family") == family)
        worst = ", ".join(f"{c} {a:.3f}" for c, a in rows.head(3).select("column", "auc").iter_rows())
        volume = found.filter((pl.col("family") == family) & (pl.col("column") == VOLUME))["auc"][0]
        verdict = "" if rows["auc"][0] < MAX_AUC else " **above the limit**"
        lines.append(f"| {scenario} | {family} | {rows['accounts'][0]} | {worst}{verdict} | {volume:.3f} |")
    return lines


def distances(pools: Path, scale: float, out: Path) -> dict[str, list[CohortComparison]]:
    """The comparisons of `small` with and without pools, in the folders of these names below `out`.

    One half of the pools makes the world, the other judges both.
    """
    make, judge = split_pools(pools, out / "halves")
    found = {}
    for name, given in (("with pools", make), ("without pools", None)):
        simulate(SimulationRequest(scenario="small", out=out / name, scale=scale, pools=given))
        found[name] = compare_cohorts(out / name, judge)
    return found


def distance_lines(name: str, found: list[CohortComparison]) -> list[str]:
    """A heading, the worst, and one line a comparison, the worst first."""
    ordered = sorted(found, key=lambda s: -s.distance)
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


def fit(pools: Path) -> str:
    """The constants of worlds without pools, from the half that makes worlds."""
    with tempfile.TemporaryDirectory() as folder:
        tokens, gaps = pool_rhythms.fit_constants(split_pools(pools, Path(folder) / "halves")[0])
    printer = pprint.PrettyPrinter(width=118, compact=True, sort_dicts=False)
    return f"TOKENS = {printer.pformat(tokens)}\nGAPS = {printer.pformat(gaps)}"


def _cdf(axis: plt.Axes, values: np.ndarray, label: str, style: str) -> None:
    ordered = np.sort(values)
    axis.plot(ordered, np.linspace(0, 1, len(ordered)), style, label=label, linewidth=1)


def _pictures(world: Path, found: list[CohortComparison], pools: Path, folder: Path) -> None:
    """Volume, gaps, hours, lengths and templates as small PNGs."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = pl.read_parquet(world / "truth.parquet").unique("account_id")
    requests = pl.scan_parquet(world / "requests" / "*.parquet")
    joined = requests.join(truth.lazy().select("account_id", "label", "cohort"), on="account_id")
    _save(folder / "volume.png", lambda a: _volume(a, joined), "requests an account and active day", log=True)
    _save(folder / "gaps.png", lambda a: _samples(a, found, "log gaps", np.exp), "seconds between requests", log=True)
    _save(folder / "lengths.png", lambda a: _samples(a, found, "input tokens", None), "input tokens", log=True)
    _save(folder / "hours.png", lambda a: _hours(a, joined, pools), "hour of the week, UTC")
    _save(folder / "templates.png", lambda a: _templates(a, joined), "share of the commonest first five words")


def _save(file: Path, draw: object, label: str, log: bool = False) -> None:
    figure, axis = plt.subplots(figsize=(5.2, 2.8), dpi=80)
    draw(axis)
    axis.set_xlabel(label)
    if log:
        axis.set_xscale("log")
    axis.legend(fontsize=6, frameon=False)
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


def _volume(axis: plt.Axes, joined: pl.LazyFrame) -> None:
    days = joined.group_by("account_id", "label", pl.col("timestamp").dt.date()).len()
    means = days.group_by("account_id", "label").agg(pl.col("len").mean()).collect()
    for label, style in ((False, "-"), (True, "--")):
        values = means.filter(pl.col("label") == label)["len"].to_numpy()
        _cdf(axis, values, "campaign accounts" if label else "honest accounts", style)
    axis.axvspan(13, 46, alpha=0.15, label="disclosed campaigns")


def _samples(axis: plt.Axes, found: list[CohortComparison], what: str, back: object) -> None:
    shown: set[str] = set()
    for s in found:
        if s.measure != what or s.source in shown:
            continue
        shown.add(s.source)
        colour = f"C{len(shown)}"
        for values, style, label in ((s.simulated, "-", s.cohort), (s.observed, ":", f"{s.source}, measured")):
            _cdf(axis, back(values) if back else np.maximum(values, 1), label, f"{colour}{style}")


def _hours(axis: plt.Axes, joined: pl.LazyFrame, pools: Path) -> None:
    hour = (pl.col("timestamp").dt.weekday().cast(pl.Int64) - 1) * 24 + pl.col("timestamp").dt.hour()
    wanted = pl.col("cohort").is_in(["gateways", "support_bots", "audit_capture", "resellers"]) & ~pl.col("label")
    counts = joined.filter(wanted).group_by(hour=hour).len().sort("hour").collect()
    axis.plot(counts["hour"], counts["len"] / counts["len"].mean(), label="services, simulated")
    windows = pl.read_parquet(pools / "rhythm_servegen_clients.parquet")
    own = pl.col("rate") / pl.col("rate").mean().over("category", "model", "client")
    windows = windows.with_columns(own.fill_nan(None), hour=pl.col("window_s") // 3600 % 168)
    real = windows.group_by("hour").agg(pl.col("rate").mean()).sort("hour")
    axis.plot(real["hour"], real["rate"] / real["rate"].mean(), ":", label="ServeGen clients, measured")


def _templates(axis: plt.Axes, joined: pl.LazyFrame) -> None:
    five = pl.col("prompt").str.extract(r"^(\S+\s+\S+\s+\S+\s+\S+\s+\S+)").fill_null(pl.col("prompt"))
    shares = (
        joined.with_columns(five=five)
        .group_by("account_id", "label", "cohort")
        .agg(pl.len().alias("n"), share=pl.col("five").unique_counts().max() / pl.len())
    )
    table = shares.filter(pl.col("n") >= 20).collect()
    _cdf(axis, table.filter("label")["share"].to_numpy(), "campaigns", "k--")
    for name in ("chat", "batch_nlp", "judges", "agentic_coders"):
        rows = table.filter(~pl.col("label") & (pl.col("cohort") == name))
        _cdf(axis, rows["share"].to_numpy(), name, "-")


def documents(pools: Path) -> None:
    """Write what is measured below the mark in docs/results/worlds.md, and the pictures beside it."""
    with tempfile.TemporaryDirectory() as folder:
        found = distances(pools, 2.0, Path(folder))
        _pictures(Path(folder) / "with pools", found["with pools"], pools, RESULTS / "worlds")
    lines = ["", measured_at(), "", "## Simulated against measured"]
    for name, compared in found.items():
        lines += distance_lines(name, compared)
    lines += [
        "",
        "## No give-away",
        "",
        "| scenario | family | accounts | the three worst columns, AUC | volume, all honest |",
        "|---|---|---|---|---|",
    ]
    for scenario in SCENARIOS:
        lines += single_column_lines(scenario, betrayal(scenario, None, pools))
    lines += ["", "## Cohorts", "", "| cohort | share | requests an active day | source |", "|---|---|---|---|"]
    lines += [f"| {c.name} | {c.share:g} | {c.rate[0]:g} | {describe_sources(c)} |" for c in COHORTS.values()]
    text = (RESULTS / "worlds.md").read_text(encoding="utf-8").partition(MARK)[0]
    (RESULTS / "worlds.md").write_text(text + MARK + "\n" + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Run one of the measurements."""
    parser = new_parser("worlds", __doc__)
    parser.add_argument(
        "what", nargs="?", default="speed", choices=["speed", "single-column", "realism", "fit", "docs"]
    )
    parser.add_argument("--scenario", choices=SCENARIOS)
    parser.add_argument("--scale", type=float)
    parser.add_argument("--days", type=int)
    parser.add_argument("--pools", type=Path)
    options = parser.parse_args()
    if options.what in ("realism", "fit", "docs") and options.pools is None:
        parser.error(f"{options.what} reads real data: give its folder with --pools")
    if options.what == "speed":
        print(speed(options.scenario or "hydra-2026-06", options.scale or 0.05, options.days))
    elif options.what == "single-column":
        wanted = (
            [options.scenario] if options.scenario else [s for s in SCENARIOS if options.pools or not PRESETS[s].pools]
        )
        for scenario in wanted:
            print(
                *single_column_lines(scenario, betrayal(scenario, options.scale, options.pools)), sep="\n", flush=True
            )
    elif options.what == "realism":
        with tempfile.TemporaryDirectory() as folder:
            for name, found in distances(options.pools, options.scale or 2.0, Path(folder)).items():
                print(*distance_lines(name, found), sep="\n")
    elif options.what == "fit":
        print(fit(options.pools))
    else:
        documents(options.pools)


if __name__ == "__main__":
    main()
