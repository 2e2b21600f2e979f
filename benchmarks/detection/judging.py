"""Models judged on families held out of training, in worlds of real prompts and rhythms, against plain rivals.

python -m benchmarks judging --pools DIR [--scale F] [--seed N] [--cache DIR] [--docs]
python -m benchmarks judging --pools DIR --variants [--scenario composed] [--families NAME ...]

Each family is left out in turn, both its labels and planted campaigns like it: "never labelled", its accounts are in
the history without a label; "held out", training does not have its accounts. Then: three confirmed families only;
calibration in held-out worlds and at other base rates. `--variants` judges ours with one thing changed at a time, and
only prints.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.detection.calibration import HeldOutCalibration, held_out_calibration
from benchmarks.detection.left_out import (
    CASES,
    LABELLED,
    Trainer,
    against_rivals,
    by_source,
    data_without,
    families,
    judge_families,
    ours,
    variants,
)
from benchmarks.detection.mean_estimates import (
    ESTIMATE_NAMES,
    FamilyRisks,
    describe_families,
    format_estimate,
    mean_estimates,
)
from benchmarks.detection.model_card import card_lines, evaluate_together
from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, add_world_options, new_parser
from benchmarks.worlds.training_worlds import TrainingWorld, prepare_world
from docs_tools.documents import RESULTS, table, write_part
from docs_tools.pictures import FamilyPanel, draw_families
from training.evaluation.metrics import recall_name
from training.models.candidate import OURS

HEAD = ("model", "PR-AUC", "recall at 1 %", "recall at 0.1 %", "ECE")
WIDE = recall_name(0.01)
CONFIRMED = 3  # families that a provider may know at the start
OTHER_WORLDS = (("unseen-families", 1.0), ("composed", 1.0))  # scenarios and scales to judge calibration in


def leave_out_each(
    world: TrainingWorld, case: str, seed: int, trainer: Trainer, only: Sequence[str] = ()
) -> list[FamilyRisks]:
    """Leave each family out in turn, two at a time."""

    def leave_out(family: str) -> FamilyRisks:
        models = trainer(replace(data_without(world, [family], case), seed=seed))
        judged = judge_families(world, [family], models, case)[0]
        log_step(f"{case}: {family} done")
        return judged

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(leave_out, [family for family in families(world) if not only or family in only]))


def confirm_three(world: TrainingWorld, seed: int) -> tuple[list[str], list[FamilyRisks]]:
    """Train with labels of three families only, and judge all others; gives the three as well."""
    names = families(world)
    confirmed = sorted(np.random.default_rng([seed, 59]).choice(names, CONFIRMED, replace=False).tolist())
    others = [family for family in names if family not in confirmed]
    models = by_source(replace(data_without(world, others, LABELLED), seed=seed))
    return confirmed, judge_families(world, others, models, LABELLED)


def model_table(judged: Sequence[FamilyRisks], seed: int, head: Sequence[str] = HEAD) -> list[str]:
    """A row for each model: means over families."""
    rows = []
    for name in judged[0].risks:
        family_means = mean_estimates(judged, name, seed)
        rows.append([name, *(format_estimate(family_means[estimate]) for estimate in ESTIMATE_NAMES[: len(head) - 1])])
    return table(head, rows)


def family_table(judged: Sequence[FamilyRisks]) -> list[str]:
    """A row for each family: PR-AUC and recall at 1 % of every model."""
    names = list(judged[0].risks)
    rows = []
    for risks in judged:
        values = [risks.values(name) for name in names]
        texts = [f"{value['pr_auc']:.2f} / {value[WIDE]:.2f}" for value in values]
        rows.append([risks.family, str(int(risks.label.sum())), f"{risks.label.mean():.2%}", *texts])
    return table(["family", "accounts", "base rate", *names], rows)


def calibration_table(errors: Sequence[HeldOutCalibration]) -> list[str]:
    """A row for each world and base rate."""
    head = ["world", "accounts judged", "base rate", "ECE", "ECE at the base rate", "ECE at the estimate", "estimate"]
    return table(head, [
        [row.world, row.accounts, f"{row.base_rate:.2%}", f"{row.as_scored:.3f}", f"{row.at_base_rate:.3f}",
         f"{row.at_estimate:.3f}", f"{row.estimated_rate:.2%}"]
        for row in errors
    ])  # fmt: skip


def measure_left_out(
    world: TrainingWorld, seed: int, only: Sequence[str]
) -> tuple[list[str], Mapping[str, Sequence[FamilyRisks]]]:
    """All tables of families left out, and the risks by case."""
    cases = {case: leave_out_each(world, case, seed, against_rivals, only) for case in CASES}
    lines = [f"World: {world.name}.", ""]
    for case, judged in cases.items():
        lines += [f"### Family {case}", "", describe_families(judged), "", *model_table(judged, seed), ""]
    lines += [f"### By family ({LABELLED}): PR-AUC / recall at 1 %", "", *family_table(cases[LABELLED]), ""]
    confirmed, judged = confirm_three(world, seed)
    title = f"### Three confirmed families only: {', '.join(confirmed)}"
    return [*lines, title, "", describe_families(judged), "", *model_table(judged, seed)], cases


def measure_elsewhere(world: TrainingWorld, others: Sequence[TrainingWorld], seed: int) -> tuple[list[str], list[str]]:
    """A model of the whole world judged in others: its calibration, and the estimates of the model card."""
    model = ours(replace(data_without(world, [], LABELLED), seed=seed))[OURS]
    scope = f"Trained on {world.name}; judged on {' and '.join(other.name for other in others)}."
    calibration = calibration_table(list(held_out_calibration(model, others, seed)))
    return [scope, "", *calibration], [scope, "", *card_lines(evaluate_together(model, others, seed))]


def family_panel(case: str, judged: Sequence[FamilyRisks], seed: int) -> FamilyPanel:
    """Recall at 1 % of every model, the families that the first model detects best on top."""
    names = list(judged[0].risks)
    ordered = sorted(judged, key=lambda risks: -risks.values(names[0])[WIDE])
    return FamilyPanel(
        title=f"family {case}",
        families=[f"{risks.family} ({int(risks.label.sum())})" for risks in ordered],
        recalls={name: [risks.values(name)[WIDE] for risks in ordered] for name in names},
        means={name: mean_estimates(judged, name, seed)[WIDE] for name in names},
    )


def main() -> None:
    """Measure, print, and write the pages if asked."""
    parser = new_parser("judging", __doc__)
    add_world_options(parser, scale=0.7, seed=1)
    parser.add_argument("--scenario", choices=("mixed", "composed"), default="mixed")
    parser.add_argument("--variants", action="store_true", help="ours with one thing changed at a time")
    parser.add_argument("--families", nargs="*", default=(), help="leave out only these")
    add_docs_option(parser, "docs/results/judging.md, its picture and docs/results/model-card.md")
    options = parser.parse_args()
    if options.variants and options.docs:
        parser.error("--variants only prints: leave out --docs")
    seed = options.seed
    prepare = partial(prepare_world, pools=options.pools, seed=seed, cache=options.cache)
    panels: list[FamilyPanel] = []
    with threadpool_limits(1, user_api="blas"):
        world = prepare(options.scenario, scale=options.scale)
        if options.variants:
            judged = leave_out_each(world, LABELLED, seed, variants, options.families)
            scope = f"World: {world.name}. {describe_families(judged)}"
            parts = {"variants": [scope, "", *model_table(judged, seed, HEAD[:4])]}
        else:
            others = [prepare(scenario, scale=scale) for scenario, scale in OTHER_WORLDS]
            calibration, card = measure_elsewhere(world, others, seed)
            tables, cases = measure_left_out(world, seed, options.families)
            parts = {"judging": tables, "calibration": calibration, "card": card}
            panels = [family_panel(case, judged, seed) for case, judged in cases.items()]
    print("\n".join("\n".join(part) for part in parts.values()))
    if options.docs:
        for part, lines in parts.items():
            write_part("model-card.md" if part == "card" else "judging.md", part, lines)
        if panels:
            draw_families(RESULTS / "judging.png", panels)


if __name__ == "__main__":
    main()
