"""Models judged on families that they never saw, in worlds of real prompts and rhythms, against plain rivals.

python -m benchmarks judging --pools DIR [--scale F] [--seed N] [--cache DIR] [--docs]
python -m benchmarks judging --pools DIR --variants [--scenario composed] [--families NAME ...]

Each family is left out in turn, of the labels and of planting: "never labelled", its accounts stand in the history and
nobody knows; "never seen", training does not have its accounts. Then: three confirmed families only; risks in held-out
worlds and at other base rates. `--variants` judges ours with one thing changed at a time instead.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.detection import model_card
from benchmarks.detection.calibration import Held, held_out
from benchmarks.detection.left_out import (
    CASES,
    LABELLED,
    Models,
    against_rivals,
    by_source,
    families,
    judged,
    ours,
    variants,
    without,
)
from benchmarks.detection.mean_estimates import FIGURES, FamilyRisks, mean_estimates, told
from benchmarks.options import add_docs_option, add_world_options, new_parser
from benchmarks.pictures import left_out as picture
from benchmarks.worlds.training_worlds import World, say, world
from docs_tools.documents import RESULTS, table, write_part
from training.fitting.train import OURS

HEAD = ("model", "PR-AUC", "recall at 1 %", "recall at 0.1 %", "ECE")
CONFIRMED = 3
OTHER_WORLDS = (("unseen-families", 1.0), ("composed", 1.0))


def one_by_one(made: World, case: str, seed: int, models: Models, only: Sequence[str] = ()) -> list[FamilyRisks]:
    """Leave each family out in turn, two at a time."""
    chosen = [family for family in families(made) if not only or family in only]

    def one(family: str) -> FamilyRisks:
        found = judged(made, [family], models(replace(without(made, [family], case), seed=seed)), case)[0]
        say(f"{case}: {family} done")
        return found

    with ThreadPoolExecutor(2) as hands:
        return list(hands.map(one, chosen))


def three_confirmed(made: World, seed: int) -> tuple[list[str], list[FamilyRisks]]:
    """Only three families are known, by labels and to planting; judged are all others."""
    every = families(made)
    known = sorted(np.random.default_rng([seed, 59]).choice(every, CONFIRMED, replace=False).tolist())
    others = [family for family in every if family not in known]
    found = judged(made, others, by_source(replace(without(made, others, LABELLED), seed=seed)), LABELLED)
    return known, found


def lines(found: Sequence[FamilyRisks], seed: int, head: Sequence[str] = HEAD) -> list[str]:
    """A row for each model: means over families."""
    rows = []
    for name in found[0].risks:
        means = mean_estimates(found, name, seed)
        rows.append([name, *(told(means[estimate]) for estimate in FIGURES[: len(head) - 1])])
    return table(head, rows)


def by_family(found: Sequence[FamilyRisks]) -> list[str]:
    """A row for each family: PR-AUC and recall at 1 % of every model."""
    names = list(found[0].risks)
    rows = []
    for one in found:
        values = [one.values(name) for name in names]
        cells = [f"{value['pr_auc']:.2f} / {value[FIGURES[1]]:.2f}" for value in values]
        rows.append([one.family, str(int(one.label.sum())), f"{one.label.mean():.2%}", *cells])
    return table(["family", "accounts", "base rate", *names], rows)


def calibrated(found: Sequence[Held]) -> list[str]:
    """A row for each world and base rate."""
    head = ["world", "accounts kept", "base rate", "ECE", "ECE, base rate told", "ECE, estimated", "estimate"]
    return table(head, [
        [h.world, h.kept, f"{h.base_rate:.2%}", f"{h.as_is:.3f}", f"{h.known:.3f}", f"{h.estimated:.3f}",
         f"{h.estimate:.2%}"]
        for h in found
    ])  # fmt: skip


def scope(found: Sequence[FamilyRisks]) -> str:
    """What the means are over."""
    honest, members = int((~found[0].label).sum()), sum(int(one.label.sum()) for one in found)
    return f"{len(found)} families, {members} accounts of theirs, each family among {honest:,} honest accounts."


def everything(made: World, seed: int, only: Sequence[str]) -> tuple[list[str], Mapping[str, Sequence[FamilyRisks]]]:
    """All tables of families left out, and what the picture shows."""
    cases = {case: one_by_one(made, case, seed, against_rivals, only) for case in CASES}
    out = [f"World: {made.name}.", ""]
    for case, found in cases.items():
        out += [f"### Family {case}", "", scope(found), "", *lines(found, seed), ""]
    out += [f"### By family ({LABELLED}): PR-AUC / recall at 1 %", "", *by_family(cases[LABELLED]), ""]
    known, found = three_confirmed(made, seed)
    out += [f"### Three confirmed families only: {', '.join(known)}", "", scope(found), "", *lines(found, seed)]
    return out, cases


def held(made: World, others: Sequence[World], seed: int) -> tuple[list[str], list[str]]:
    """A model of the whole world in others: how well it is calibrated, and the figures of the model card."""
    model = ours(replace(without(made, [], LABELLED), seed=seed))[OURS]
    names = f"Trained on {made.name}; judged on {' and '.join(other.name for other in others)}."
    report = model_card.judged(model, others, seed)
    return [names, "", *calibrated(list(held_out(model, others, seed)))], [names, "", *model_card.lines(report)]


def main() -> None:
    """Judge on one world."""
    parser = new_parser("judging", __doc__)
    add_world_options(parser, scale=0.7, seed=1)
    parser.add_argument("--scenario", choices=("mixed", "composed"), default="mixed")
    parser.add_argument("--variants", action="store_true", help="ours with one thing changed at a time")
    parser.add_argument("--families", nargs="*", default=(), help="only these are left out")
    add_docs_option(parser, "docs/results/judging.md and its picture")
    options = parser.parse_args()
    make = partial(world, pools=options.pools, seed=options.seed, kept=options.cache)
    with threadpool_limits(1, user_api="blas"):
        made = make(options.scenario, scale=options.scale)
        if options.variants:
            found = one_by_one(made, LABELLED, options.seed, variants, options.families)
            parts = {"variants": [f"World: {made.name}. {scope(found)}", "", *lines(found, options.seed, HEAD[:4])]}
        else:
            others = [make(scenario, scale=scale) for scenario, scale in OTHER_WORLDS]
            calibration, estimates = held(made, others, options.seed)
            tables, cases = everything(made, options.seed, options.families)
            parts = {"judging": tables, "calibration": calibration, "card": estimates}
    print("\n".join("\n".join(part) for part in parts.values()))
    if options.docs:
        for part, text in parts.items():
            write_part("model-card.md" if part == "card" else "judging.md", part, text)
        if not options.variants:
            picture(RESULTS / "judging.png", cases, options.seed)


if __name__ == "__main__":
    main()
