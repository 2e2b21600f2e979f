"""How few requests it takes: families that training never saw, at several numbers of requests and campaign shares.

python -m benchmarks fingerprint --pools DIR [--scale F] [--seed N] [--cache DIR] [--quick] [--no-parts] [--docs]

Models learn on one world, each without one family (of labels and of planting), and are judged in another world of the
same scenario, whose accounts they have never seen, cut and diluted before anything reads it
(`benchmarks.worlds.diluted`).
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.detection.left_out import LABELLED, Taught, against_literature, drawn, without
from benchmarks.detection.mean_estimates import STRICTEST, FamilyRisks, mean_differences, mean_estimates, told
from benchmarks.options import add_docs_option, add_world_options, new_parser
from benchmarks.pictures import few_requests
from benchmarks.worlds.diluted import Cell
from benchmarks.worlds.diluted_worlds import cells, several
from benchmarks.worlds.training_worlds import World, say, world
from docs_tools.documents import RESULTS, table, write_part
from features.catalogue import FEATURES, MODES
from pipelines.models.train import VOLUME_FEATURE
from training.evaluation.headline import NEEDED
from training.evaluation.metrics import recall_name, threshold_at
from training.evaluation.report import blanked
from training.fitting.candidates import FittedCandidate
from training.fitting.train import OURS
from training.fitting.training_sets import training_sets

REQUESTS, SHARES = (25, 50, 100, 250, 1_000), (1.0, 0.5, 0.25, 0.1)
EVERY = tuple(Cell(requests, share) for requests in REQUESTS for share in SHARES)
PURE, MIXED = Cell(100, 1.0), Cell(100, 0.25)  # what ablation and modes are told for
QUICK, QUICK_FAMILIES = (PURE, MIXED), 3
STRICT, STRICTER = recall_name(0.001), recall_name(STRICTEST)
WORST = 12  # cohorts that are shown
DISSECTED = 6  # families of which ablation and modes are measured: these take most of the time
_TRUE = pl.col("true")
Rows = Mapping[Cell, pl.DataFrame]
Modes = Mapping[str, tuple[FittedCandidate, frozenset[str]]]  # a model, and the features that it is not shown


@dataclass(frozen=True)
class Found:
    """What the models without one family make of it.

    Attributes:
        cells: every model in every cell.
        parts: ours without one family of features, and in each mode, in the cells `PURE` and `MIXED`.
        wide: every model in these two cells, in several worlds together.
        alarms: honest accounts of `PURE` with their cohort, and whether ours flags them at 0.1 %.
    """

    cells: Mapping[Cell, FamilyRisks]
    parts: Mapping[Cell, FamilyRisks]
    wide: Mapping[Cell, FamilyRisks]
    alarms: pl.DataFrame


def judge(made: World, rows: Rows, wide: Rows, family: str, seed: int, *, with_parts: bool) -> Found:
    """Train without a family and judge it in all cells; `with_parts` also without parts of the features."""
    taught = replace(without(made, [family], LABELLED), seed=seed)
    models = against_literature(taught)
    here = {cell: among_honest(frame, family) for cell, frame in rows.items()}
    whole = {cell: judged_by(frame, family, models) for cell, frame in here.items()}
    own = {cell: here[cell] for cell in QUICK if cell in here}
    parts = dict(ablated(taught)) if with_parts else {}
    modes = dict(in_modes(taught, models[OURS])) if with_parts else {}
    modes |= {f"{part}, {mode}": (model, blank) for part, model in parts.items() for mode, blank in MODES.items()}
    found = {cell: _with_modes(judged_by(frame, family, models, parts), modes, frame) for cell, frame in own.items()}
    many = {cell: judged_by(among_honest(frame, family), family, models) for cell, frame in wide.items()}
    say(f"without {family}: done")
    return Found(whole, found, many, alarms(many[PURE], among_honest(wide[PURE], family)))


def ablated(taught: Taught) -> Iterator[tuple[str, FittedCandidate]]:
    """Ours trained without each family of features."""
    for family in dict.fromkeys(feature.family for feature in FEATURES):
        rest = [feature.name for feature in FEATURES if feature.family != family]
        training_set = training_sets(taught.examples, taught.planted, rest, taught.plan, taught.seed)[1]
        yield f"without {family}", taught.learn(taught.blend, training_set)


def in_modes(taught: Taught, whole: FittedCandidate) -> Iterator[tuple[str, tuple[FittedCandidate, frozenset[str]]]]:
    """For each mode ours, ours taught without gaps, and a model that was only ever taught what the mode has."""
    gapless = replace(taught, plan=replace(taught.plan, blank_share=0.0))
    full = gapless.learn(gapless.blend, gapless.both[1])
    for name, blank in MODES.items():
        rest = [feature.name for feature in FEATURES if feature.name not in blank]
        training_set = training_sets(gapless.examples, gapless.planted, rest, gapless.plan, gapless.seed)[1]
        yield f"{name}: ours", (whole, blank)
        yield f"{name}: taught without gaps", (full, blank)
        yield f"{name}: a model of its own", (gapless.learn(gapless.blend, training_set), blank)
    yield "nothing lacks: taught without gaps", (full, frozenset())


def alarms(judged: FamilyRisks, rows: pl.DataFrame) -> pl.DataFrame:
    """Honest accounts, their cohort, and whether ours flags them where 0.1 % of all honest accounts are flagged."""
    risk = judged.risks[OURS]
    flagged = pl.Series("flagged", risk >= threshold_at(judged.label, risk, 0.001))
    return rows.select("account_id", "cohort", "true", flagged).filter(~pl.col("true"))


def among_honest(rows: pl.DataFrame, family: str) -> pl.DataFrame:
    """Accounts of a cell, of campaigns only those of the family."""
    return rows.filter(~pl.col("true") | (pl.col("family") == family))


def judged_by(rows: pl.DataFrame, family: str, *models: Mapping[str, FittedCandidate]) -> FamilyRisks:
    """What models say of these accounts."""
    risks = {name: model.risk(rows) for some in models for name, model in some.items()}
    return FamilyRisks(family, rows["true"].to_numpy(), risks)


def _with_modes(judged: FamilyRisks, modes: Modes, rows: pl.DataFrame) -> FamilyRisks:
    risks = {name: model.risk(blanked(rows, blank)) for name, (model, blank) in modes.items()}
    kept = {name: risk for name, risk in judged.risks.items() if name == OURS or name.startswith("without ")}
    return replace(judged, risks=kept | risks)


def by_cell(found: Sequence[Mapping[Cell, FamilyRisks]], estimate: str, seed: int) -> list[str]:
    """A row for each cell: a figure of every model, mean over families; or why there is none."""
    honest = min(int((~judged.label).sum()) for one in found for judged in one.values())
    if honest < NEEDED[estimate]:
        return [f"Not to be measured here: it needs {NEEDED[estimate]:,} honest accounts, there are {honest:,}."]
    names = list(next(iter(found[0].values())).risks)
    rows = []
    for cell in found[0]:
        means = [mean_estimates([one[cell] for one in found], name, seed)[estimate] for name in names]
        rows.append([f"{cell.requests:,}", f"{cell.share:.0%}", *map(told, means)])
    return table(["requests", "share", *names], rows)


def by_part(every: Sequence[Found], seed: int) -> list[str]:
    """A row for each family of features left out and each mode: recall at 0.1 % and PR-AUC in the two cells."""
    shown, rows = list(every[0].parts), []
    found = [one for one in every if len(one.parts[shown[0]].risks) > 1]
    for name in found[0].parts[shown[0]].risks:
        if ", " in name:  # a part in a mode: `by_gain` tells of it
            continue
        means = [mean_estimates([one.parts[cell] for one in found], name, seed) for cell in shown]
        rows.append([name, *(told(mean[estimate]) for mean in means for estimate in (STRICT, "pr_auc"))])
    head = ["ours", *(f"{what}, {cell.name}" for cell in shown for what in ("recall at 0.1 %", "PR-AUC"))]
    families = ", ".join(one.parts[shown[0]].family for one in found)
    return [f"Means over {len(found)} families, drawn by the seed: {families}.", "", *table(head, rows)]


def by_gain(every: Sequence[Found], seed: int) -> list[str]:
    """What ours loses of PR-AUC without each family of features, in each mode and cell; in bold where the interval lies
    above nought (of so many cells some do by chance).

    Differences of the same draws of families and accounts, so that their intervals tell.
    """
    shown = list(every[0].parts)
    found = [one for one in every if len(one.parts[shown[0]].risks) > 1]
    rows = []
    for family in dict.fromkeys(feature.family for feature in FEATURES):
        part, told_of = f"without {family}", []
        for mode in ("", *MODES):
            with_it, without_it = (OURS, part) if not mode else (f"{mode}: ours", f"{part}, {mode}")
            for cell in shown:
                gain = mean_differences([one.parts[cell] for one in found], with_it, without_it, seed)["pr_auc"]
                told_of.append(f"**{told(gain)}**" if (gain.low or 0.0) > 0 else told(gain))
        rows.append([family, *told_of])
    modes = ("everything known", *MODES)
    return table(["family", *(f"{mode}, {cell.share:.0%}" for mode in modes for cell in shown)], rows)


def by_cohort(found: Sequence[Found]) -> list[str]:
    """The cohorts with most false alarms, means over the models without a family."""
    every = pl.concat(one.alarms for one in found)
    counted = every.group_by("cohort").agg(
        accounts=pl.col("account_id").n_unique(), rate=pl.col("flagged").mean(), flagged=pl.col("flagged").sum()
    )
    worst = counted.sort("rate", "cohort", descending=[True, False]).head(WORST)
    rows = [[r["cohort"], f"{r['accounts']:,}", f"{r['rate']:.2%}", str(r["flagged"])] for r in worst.to_dicts()]
    return table(["cohort", "accounts", "flagged", f"alarms of {len(found)} models together"], rows)


def scope(made: World, found: Sequence[Mapping[Cell, FamilyRisks]], where: str) -> list[str]:
    """What was measured on."""
    pure = [one[PURE] for one in found]
    honest, members = int((~pure[0].label).sum()), sum(int(one.label.sum()) for one in pure)
    return [
        f"Trained on {made.name}; judged in {where}: {len(found)} families, {members} accounts of "
        f"theirs, each family among {honest:,} honest accounts."
    ]


def sent(rows: Rows) -> list[str]:
    """How many requests a cell really has an account: not every account sends so many, and lenders lend once."""
    medians = [
        [cell.name, *(f"{frame.filter(side)[VOLUME_FEATURE].median() or 0:,.0f}" for side in (_TRUE, ~_TRUE))]
        for cell, frame in rows.items()
    ]
    return table(["at most", "median of campaign accounts", "of honest accounts"], medians)


def everything(
    made: World, rows: Rows, wide: Rows, left_out: Sequence[str], seed: int, dissect: int = DISSECTED
) -> tuple[dict[str, list[str]], list[Found]]:
    """All tables by the part of the page that they belong to, and what the picture shows.

    Of `dissect` families ablation and modes are measured; of none, there is no table of them.
    """
    dissected = set(np.random.default_rng(seed).permutation(left_out)[:dissect])
    with ThreadPoolExecutor(2) as hands:
        calls = [hands.submit(judge, made, rows, wide, one, seed, with_parts=one in dissected) for one in left_out]
        found = [call.result() for call in calls]
    narrow, many = [one.cells for one in found], [one.wide for one in found]
    stricter = [
        line for estimate in (STRICTER, STRICT) for line in ("", f"{estimate}:", "", *by_cell(many, estimate, seed))
    ]
    parts = {
        "cells": [*scope(made, narrow, "a world of the next seed"), "", *by_cell(narrow, STRICT, seed)],
        "sent": sent(rows),
        "stricter": [*scope(made, many, "several worlds of further seeds together"), *stricter],
        "cohorts": by_cohort(found),
    }
    if dissected:
        parts |= {"parts": by_part(found, seed), "gains": by_gain(found, seed)}
    return parts, found


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = new_parser("fingerprint", __doc__)
    add_world_options(parser, scale=0.7, seed=1)
    parser.add_argument("--scenario", choices=("mixed", "composed"), default="mixed")
    parser.add_argument("--worlds", type=int, default=5, help="worlds that recall at 0.01 %% is judged in together")
    parser.add_argument("--quick", action="store_true", help="two cells and few families")
    parser.add_argument(
        "--families", type=int, default=QUICK_FAMILIES, help="how many of a quick run, drawn by the seed"
    )
    parser.add_argument(
        "--no-parts", action="store_true", help="neither ablation nor modes, which take most of the time"
    )
    add_docs_option(parser, "docs/results/fingerprint.md and its picture")
    options = parser.parse_args()
    made = world(options.scenario, options.pools, scale=options.scale, seed=options.seed, kept=options.cache)
    chosen = QUICK if options.quick else EVERY
    rows = cells(
        options.scenario, options.pools, chosen, scale=options.scale, seed=options.seed + 1, kept=options.cache
    )
    seeds = range(options.seed + 1, options.seed + 1 + options.worlds)
    wide = several(options.scenario, options.pools, QUICK, seeds, scale=options.scale, kept=options.cache)
    left_out = drawn(made, rows[PURE], options.seed, options.families if options.quick else None)
    with threadpool_limits(1, user_api="blas"):
        parts, found = everything(made, rows, wide, left_out, options.seed, 0 if options.no_parts else DISSECTED)
        print("\n".join("\n".join([f"\n{name}", *lines]) for name, lines in parts.items()))
        if options.docs:
            for name, lines in parts.items():
                write_part("fingerprint.md", name, lines)
            few_requests(RESULTS / "fingerprint.png", [one.cells for one in found], options.seed)


if __name__ == "__main__":
    main()
