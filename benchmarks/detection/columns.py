"""What each feature earns: how much PR-AUC ours loses when its column is shuffled among the accounts (Breiman 2001).

python -m benchmarks columns --pools DIR [--scenario NAME] [--scale F] [--seed N] [--families N] [--cache DIR]

As `benchmarks.detection.fingerprint` in the cells that ablation is told for, everything known and in each mode; means
over models that were never taught one family each. Drop what earns nothing in any of these only by worlds that no
figure is reported of.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.detection.fingerprint import PURE, QUICK, Rows, among_honest
from benchmarks.detection.left_out import LABELLED, drawn, ours, without
from benchmarks.options import add_world_options, new_parser
from benchmarks.worlds.diluted_worlds import cells
from benchmarks.worlds.training_worlds import World, say, world
from docs_tools.documents import table
from features.catalogue import FEATURE_NAMES, MODES
from training.evaluation.metrics import average_precision, rank
from training.evaluation.report import blanked
from training.fitting.candidates import FittedCandidate
from training.fitting.train import OURS

Losses = Mapping[str, float]


def losses(model: FittedCandidate, rows: pl.DataFrame, seed: int) -> Losses:
    """PR-AUC on these accounts less that with each feature's column shuffled among them; 0 where nothing is known."""
    order = np.random.default_rng(seed).permutation(len(rows))
    label = rows["true"].to_numpy()

    def estimate(shown: pl.DataFrame) -> float:
        true, false = rank(label, model.risk(shown)).cumulate(np.ones(label.size))
        return float(average_precision(true, false))

    whole = estimate(rows)
    known = [name for name in model.features if rows[name].count()]
    lost = {name: whole - estimate(rows.with_columns(rows[name][order])) for name in known}
    return dict.fromkeys(model.features, 0.0) | lost


def of_family(made: World, rows: Rows, family: str, seed: int) -> list[Losses]:
    """The losses of the model that was not taught a family, in each cell and mode."""
    model = ours(without(made, [family], LABELLED))[OURS]
    found = []
    for frame in rows.values():
        here = among_honest(frame, family)
        found += [losses(model, blanked(here, blank), seed) for blank in (frozenset[str](), *MODES.values())]
    say(f"without {family}: done")
    return found


def earned(every: Sequence[Sequence[Losses]]) -> pl.DataFrame:
    """`feature`, `most` (of the means over families the highest of all cells and modes) and `mean` over all; sorted."""
    means = {name: np.array([[losses[name] for losses in one] for one in every]).mean(axis=0) for name in FEATURE_NAMES}
    found = [(name, float(mean.max()), float(mean.mean())) for name, mean in means.items()]
    schema = {"feature": pl.String(), "most": pl.Float64(), "mean": pl.Float64()}
    return pl.DataFrame(found, schema, orient="row").sort("most", "feature", descending=[True, False])


def main() -> None:
    """Measure and print."""
    parser = new_parser("columns", __doc__)
    add_world_options(parser, scale=0.4, seed=11)
    parser.add_argument("--scenario", choices=("mixed", "composed"), default="composed")
    parser.add_argument("--families", type=int, default=6, help="how many are left out, drawn by the seed")
    options = parser.parse_args()
    made = world(options.scenario, options.pools, scale=options.scale, seed=options.seed, kept=options.cache)
    rows = cells(options.scenario, options.pools, QUICK, scale=options.scale, seed=options.seed + 1, kept=options.cache)
    left_out = drawn(made, rows[PURE], options.seed, options.families)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as hands:
        found = list(hands.map(lambda family: of_family(made, rows, family, options.seed), left_out))
    told = [[r["feature"], f"{r['most']:.4f}", f"{r['mean']:.4f}"] for r in earned(found).to_dicts()]
    print("\n".join(table(["feature", "most in a cell and mode", "mean"], told)))


if __name__ == "__main__":
    main()
