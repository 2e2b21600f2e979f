"""What structure adds: recall with and without sight of other accounts, from few requests, families left out.

python -m benchmarks structure --pools DIR [--scale F] [--seed N] [--cache DIR] [--worlds N] [--families N] [--docs]

As `benchmarks.detection.fingerprint`: models learn on one world, each without one family, and are judged in others,
cut and diluted. Ours as it ships; where nobody is in a campaign; and taught without the features of coordination, then
without those of sharing too. What compares an account with its plan or its registration with others stays.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from threadpoolctl import threadpool_limits

from benchmarks.detection.fingerprint import Rows, among_honest, judged_by
from benchmarks.detection.left_out import LABELLED, Taught, drawn, ours, without
from benchmarks.detection.mean_estimates import STRICTEST, FamilyRisks, mean_estimates, told
from benchmarks.options import add_docs_option, add_world_options, new_parser
from benchmarks.worlds.diluted import Cell
from benchmarks.worlds.diluted_worlds import several
from benchmarks.worlds.training_worlds import World, say, world
from docs_tools.documents import table, write_part
from features.catalogue import FEATURES
from training.evaluation.headline import NEEDED
from training.evaluation.metrics import recall_name
from training.fitting.candidates import FittedCandidate
from training.fitting.train import OURS
from training.fitting.training_sets import training_sets

PAGE, PART = "campaigns.md", "structure"
CELLS = tuple(Cell(requests, share) for requests in (50, 100, 250) for share in (1.0, 0.25))
ACTING, SIGHT = frozenset({"coordination"}), frozenset({"coordination", "sharing"})
NO_CAMPAIGNS, NO_COORDINATION, NOR_SHARING = "no campaigns", "no coordination either", "nor sharing"
STRICT, STRICTER = recall_name(0.001), recall_name(STRICTEST)


def with_and_without(taught: Taught) -> Mapping[str, FittedCandidate]:
    """Ours, and ours with less and less sight of other accounts."""
    whole = ours(taught)[OURS]
    less = {NO_COORDINATION: blind(taught, ACTING), NOR_SHARING: blind(taught, SIGHT)}
    return {OURS: whole, NO_CAMPAIGNS: unlifted(whole)} | less


def blind(taught: Taught, unseen: frozenset[str]) -> FittedCandidate:
    """Ours taught without some families of features, where nobody is in a campaign."""
    rest = [feature.name for feature in FEATURES if feature.family not in unseen]
    training_set = training_sets(taught.examples, taught.planted, rest, taught.plan, taught.seed)[1]
    return unlifted(taught.learn(taught.blend, training_set))


def unlifted(model: FittedCandidate) -> FittedCandidate:
    """The model where being in a campaign says nothing; its risks rank and no more."""
    return replace(model, calibrator=replace(model.calibrator, lift=0.0))


def judge(made: World, rows: Rows, family: str, seed: int) -> Mapping[Cell, FamilyRisks]:
    """Train without a family, and judge it in all cells."""
    models = with_and_without(replace(without(made, [family], LABELLED), seed=seed))
    found = {cell: judged_by(among_honest(frame, family), family, models) for cell, frame in rows.items()}
    say(f"without {family}: done")
    return found


def by_cell(found: Sequence[Mapping[Cell, FamilyRisks]], seed: int) -> list[str]:
    """A row for each cell and model: recall at 0.1 % and at 0.01 %, PR-AUC, and the recall beside that without."""
    honest = min(int((~one.label).sum()) for of in found for one in of.values())
    rows = []
    for cell in found[0]:
        means = {name: mean_estimates([one[cell] for one in found], name, seed) for name in found[0][cell].risks}
        for name, mean in means.items():
            recall, other = (of[STRICT].value or 0.0 for of in (means[OURS], mean))
            gain = f"{recall / other:.2f}" if other else "-"
            stricter = told(mean[STRICTER]) if honest >= NEEDED[STRICTER] else "-"
            rows.append([cell.name, name, told(mean[STRICT]), stricter, told(mean["pr_auc"]), gain])
    head = ["at most", "model", "recall at 0.1 %", "at 0.01 %", "PR-AUC", "ours, times this recall at 0.1 %"]
    lines = table(head, rows)
    if honest < NEEDED[STRICTER]:
        lines += ["", f"0.01 % is not to be measured here: it needs {NEEDED[STRICTER]:,} honest accounts."]
    return lines


def scope(made: World, found: Sequence[Mapping[Cell, FamilyRisks]], worlds: str) -> str:
    """What was measured on."""
    pure = [next(iter(one.values())) for one in found]
    honest, members = int((~pure[0].label).sum()), sum(int(one.label.sum()) for one in pure)
    return (
        f"Trained on {made.name}; judged in {worlds} together: {len(found)} families, {members} accounts of "
        f"theirs, each family among {honest:,} honest accounts."
    )


def everything(made: World, rows: Rows, left_out: Sequence[str], seed: int, worlds: str) -> list[str]:
    """The part of the page."""
    with ThreadPoolExecutor(2) as hands:
        calls = [hands.submit(judge, made, rows, family, seed) for family in left_out]
        found = [call.result() for call in calls]
    return [scope(made, found, worlds), "", *by_cell(found, seed)]


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = new_parser("structure", __doc__)
    add_world_options(parser, scale=0.4, seed=1)
    parser.add_argument("--scenario", default="mixed")
    parser.add_argument("--worlds", type=int, default=5, help="worlds of the next seeds that are judged together")
    parser.add_argument("--families", type=int, help="leave out so many families, drawn by the seed; else all")
    add_docs_option(parser, f"docs/results/{PAGE}")
    options = parser.parse_args()
    made = world(options.scenario, options.pools, scale=options.scale, seed=options.seed, kept=options.cache)
    seeds = range(options.seed + 1, options.seed + 1 + options.worlds)
    rows = several(options.scenario, options.pools, CELLS, seeds, scale=options.scale, kept=options.cache)
    left_out = drawn(made, rows[CELLS[0]], options.seed, options.families)
    with threadpool_limits(1, user_api="blas"):
        lines = everything(made, rows, left_out, options.seed, f"{options.worlds} worlds of the next seeds")
    print("\n".join(lines))
    if options.docs:
        write_part(PAGE, PART, lines)


if __name__ == "__main__":
    main()
