"""How few requests it takes: families held out of training, at several numbers of requests and campaign shares.

python -m benchmarks fingerprint --pools DIR [--scale F] [--seed N] [--cache DIR] [--quick] [--no-parts] [--docs]

Models are trained on one world, each without one family (neither its labels nor planted campaigns like it), and judged
in another world of the same scenario, whose log is cut and diluted before anything reads it
(`benchmarks.worlds.diluted`).
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.detection.fingerprint_tables import (
    STRICT,
    STRICTER,
    FamilyResult,
    cohort_table,
    dilution_table,
    estimates_by_dilution,
    gain_table,
    part_table,
    volume_panels,
    volume_table,
)
from benchmarks.detection.left_out import LABELLED, TrainingData, against_literature, data_without, sample_families
from benchmarks.detection.mean_estimates import (
    FamilyRisks,
    describe_families,
)
from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, add_world_options, new_parser
from benchmarks.worlds.diluted import Dilution
from benchmarks.worlds.diluted_worlds import DilutedFeatures, DilutedWorlds
from benchmarks.worlds.training_worlds import TrainingWorld, prepare_world
from docs_tools.documents import RESULTS, write_part
from docs_tools.pictures import draw_volumes
from features.catalogue import FEATURES, MODES
from training.evaluation.metrics import threshold_at
from training.evaluation.report import blanked
from training.fitting.candidates import FittedCandidate
from training.fitting.training_sets import training_sets
from training.models.candidate import OURS

REQUESTS, SHARES = (25, 50, 100, 250, 1_000), (1.0, 0.5, 0.25, 0.1)
DILUTIONS = tuple(Dilution(requests, share) for requests in REQUESTS for share in SHARES)
PURE, MIXED = Dilution(100, 1.0), Dilution(100, 0.25)  # at which ablation and modes are measured
QUICK, QUICK_FAMILIES = (PURE, MIXED), 3
DISSECTED = 6  # families of which ablation and modes are measured: these take most of the time
_TRUE = pl.col("true")
Modes = Mapping[str, tuple[FittedCandidate, frozenset[str]]]  # a model, and the features that are blanked for it


def judge_all_models(
    world: TrainingWorld, rows: DilutedFeatures, pooled: DilutedFeatures, family: str, seed: int, *, with_parts: bool
) -> FamilyResult:
    """Train without a family and judge it at all dilutions; `with_parts` also without parts of the features."""
    data = replace(data_without(world, [family], LABELLED), seed=seed)
    models = against_literature(data)
    family_rows = {dilution: among_honest(frame, family) for dilution, frame in rows.items()}
    ablations = dict(ablate(data)) if with_parts else {}
    modes = dict(in_modes(data, models[OURS])) if with_parts else {}
    modes |= {f"{part}, {mode}": (model, blank) for part, model in ablations.items() for mode, blank in MODES.items()}
    pooled_risks = {
        dilution: judged_by(among_honest(frame, family), family, models) for dilution, frame in pooled.items()
    }
    log_step(f"without {family}: done")
    return FamilyResult(
        by_dilution={dilution: judged_by(frame, family, models) for dilution, frame in family_rows.items()},
        ablations={
            dilution: _with_modes(judged_by(frame, family, models, ablations), modes, frame)
            for dilution, frame in family_rows.items()
            if dilution in QUICK
        },
        pooled=pooled_risks,
        flags=flag_honest(pooled_risks[PURE], among_honest(pooled[PURE], family)),
    )


def ablate(data: TrainingData) -> Iterator[tuple[str, FittedCandidate]]:
    """Train ours without each family of features in turn."""
    for family in dict.fromkeys(feature.family for feature in FEATURES):
        names = [feature.name for feature in FEATURES if feature.family != family]
        yield f"without {family}", fit_on(data, names)


def fit_on(data: TrainingData, names: Sequence[str]) -> FittedCandidate:
    """Train ours on some of the features."""
    training_set = training_sets(data.examples, data.planted, names, data.plan, data.seed)[1]
    return data.learn(data.blend, training_set)


def in_modes(
    data: TrainingData, whole: FittedCandidate
) -> Iterator[tuple[str, tuple[FittedCandidate, frozenset[str]]]]:
    """For each mode: ours, ours trained without gaps, and a model trained on the mode's features only."""
    gapless = replace(data, plan=replace(data.plan, blank_share=0.0))
    full = gapless.learn(gapless.blend, gapless.both[1])
    for mode, blank in MODES.items():
        names = [feature.name for feature in FEATURES if feature.name not in blank]
        yield f"{mode}: ours", (whole, blank)
        yield f"{mode}: taught without gaps", (full, blank)
        yield f"{mode}: a model of its own", (fit_on(gapless, names), blank)
    yield "nothing lacks: taught without gaps", (full, frozenset())


def flag_honest(judged: FamilyRisks, rows: pl.DataFrame) -> pl.DataFrame:
    """Honest accounts, their cohort, and whether ours flags them where 0.1 % of all honest accounts are flagged."""
    risk = judged.risks[OURS]
    flagged = pl.Series("flagged", risk >= threshold_at(judged.label, risk, 0.001))
    return rows.select("account_id", "cohort", "true", flagged).filter(~_TRUE)


def among_honest(rows: pl.DataFrame, family: str) -> pl.DataFrame:
    """All honest accounts, and of campaigns only those of the family."""
    return rows.filter(~_TRUE | (pl.col("family") == family))


def judged_by(rows: pl.DataFrame, family: str, *models: Mapping[str, FittedCandidate]) -> FamilyRisks:
    """The risks of these accounts by every model."""
    risks = {name: model.risk(rows) for named in models for name, model in named.items()}
    return FamilyRisks(family, rows["true"].to_numpy(), risks)


def _with_modes(judged: FamilyRisks, modes: Modes, rows: pl.DataFrame) -> FamilyRisks:
    in_mode = {name: model.risk(blanked(rows, blank)) for name, (model, blank) in modes.items()}
    risks = {name: risk for name, risk in judged.risks.items() if name == OURS or name.startswith("without ")}
    return replace(judged, risks=risks | in_mode)


def measure_fingerprint(
    world: TrainingWorld,
    rows: DilutedFeatures,
    pooled: DilutedFeatures,
    left_out: Sequence[str],
    seed: int,
    dissect: int = DISSECTED,
) -> tuple[dict[str, list[str]], list[FamilyResult]]:
    """All tables by the part of the page that they belong to, and the results by family.

    Ablation and modes are measured for `dissect` of the families; if that is 0, there is no table of them.
    """
    dissected = set(np.random.default_rng(seed).permutation(left_out)[:dissect])
    with ThreadPoolExecutor(2) as threads:
        calls = [
            threads.submit(judge_all_models, world, rows, pooled, family, seed, with_parts=family in dissected)
            for family in left_out
        ]
        results = [call.result() for call in calls]
    single, several = [result.by_dilution for result in results], [result.pooled for result in results]
    single_estimates, several_estimates = estimates_by_dilution(single, seed), estimates_by_dilution(several, seed)
    strict = [
        line
        for estimate in (STRICTER, STRICT)
        for line in ("", f"{estimate}:", "", *dilution_table(several, several_estimates, estimate))
    ]
    trained = f"Trained on {world.name}; judged in"
    single_scope, several_scope = (
        describe_families([risks[PURE] for risks in by_family]) for by_family in (single, several)
    )
    tables = {
        "cells": [
            f"{trained} a world of the next seed: {single_scope}",
            "",
            *dilution_table(single, single_estimates, STRICT),
        ],
        "sent": volume_table(rows),
        "stricter": [f"{trained} several worlds of further seeds together: {several_scope}", *strict],
        "cohorts": cohort_table(results),
    }
    if dissected:
        tables |= {"parts": part_table(results, seed), "gains": gain_table(results, seed)}
    return tables, results


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = new_parser("fingerprint", __doc__)
    add_world_options(parser, scale=0.7, seed=1)
    parser.add_argument("--scenario", choices=("mixed", "composed"), default="mixed")
    parser.add_argument("--worlds", type=int, default=5, help="worlds in which recall at 0.01 %% is measured together")
    parser.add_argument("--quick", action="store_true", help="two dilutions and few families")
    parser.add_argument("--families", type=int, default=QUICK_FAMILIES, help="of a quick run, drawn by the seed")
    parser.add_argument("--no-parts", action="store_true", help="skip ablation and modes, which take most of the time")
    add_docs_option(parser, "docs/results/fingerprint.md and its picture")
    options = parser.parse_args()
    seed = options.seed
    world = prepare_world(options.scenario, options.pools, scale=options.scale, seed=seed, cache=options.cache)
    worlds = DilutedWorlds(options.scenario, options.pools, options.scale, options.cache)
    rows = worlds.read_out(QUICK if options.quick else DILUTIONS, seed + 1)
    pooled = worlds.read_out_together(QUICK, range(seed + 1, seed + 1 + options.worlds))
    left_out = sample_families(world, rows[PURE], seed, options.families if options.quick else None)
    with threadpool_limits(1, user_api="blas"):
        tables, results = measure_fingerprint(world, rows, pooled, left_out, seed, 0 if options.no_parts else DISSECTED)
        print("\n".join("\n".join([f"\n{name}", *lines]) for name, lines in tables.items()))
        if options.docs:
            for name, lines in tables.items():
                write_part("fingerprint.md", name, lines)
            estimates = estimates_by_dilution([result.by_dilution for result in results], seed)
            draw_volumes(RESULTS / "fingerprint.png", volume_panels(estimates))


if __name__ == "__main__":
    main()
