"""What each feature adds: the PR-AUC that our model loses when its column is shuffled (Breiman 2001).

python -m benchmarks columns --pools DIR [--scenario NAME] [--scale F] [--seed N] [--families N] [--cache DIR]

Judged as in `fingerprint` at its two quick dilutions, with all columns and in each mode; means over models that were
trained without one family each. Decide which features to drop only on worlds of which no figure is reported.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.detection.fingerprint import PURE, QUICK, among_honest
from benchmarks.detection.left_out import LABELLED, data_without, ours, sample_families
from benchmarks.measure import log_step
from benchmarks.options import add_world_options, new_parser
from benchmarks.worlds.diluted_worlds import DilutedFeatures, DilutedWorlds
from benchmarks.worlds.training_worlds import TrainingWorld, prepare_world
from docs_tools.documents import table
from features.catalogue import FEATURE_NAMES, MODES
from training.evaluation.metrics import average_precision, rank
from training.evaluation.report import blanked
from training.fitting.candidates import FittedCandidate
from training.models.candidate import OURS

Losses = Mapping[str, float]


def shuffling_losses(model: FittedCandidate, rows: pl.DataFrame, seed: int) -> Losses:
    """By feature, the PR-AUC on these accounts minus that with the column shuffled; 0 where all values are null."""
    order = np.random.default_rng(seed).permutation(len(rows))
    label = rows["true"].to_numpy()

    def estimate(shown: pl.DataFrame) -> float:
        true, false = rank(label, model.risk(shown)).cumulate(np.ones(label.size))
        return float(average_precision(true, false))

    whole = estimate(rows)
    has_values = [name for name in model.features if rows[name].count()]
    lost = {name: whole - estimate(rows.with_columns(rows[name][order])) for name in has_values}
    return dict.fromkeys(model.features, 0.0) | lost


def of_family(world: TrainingWorld, rows: DilutedFeatures, family: str, seed: int) -> list[Losses]:
    """The losses of the model trained without a family, for each dilution and mode."""
    model = ours(data_without(world, [family], LABELLED))[OURS]
    by_part = []
    for frame in rows.values():
        here = among_honest(frame, family)
        modes = (frozenset[str](), *MODES.values())
        by_part += [shuffling_losses(model, blanked(here, blank), seed) for blank in modes]
    log_step(f"without {family}: done")
    return by_part


def summarize(by_family: Sequence[Sequence[Losses]]) -> pl.DataFrame:
    """`feature`, `most` (the highest mean over families of all dilutions and modes) and `mean` over all; sorted."""
    family_means = {
        name: np.mean([[losses[name] for losses in family] for family in by_family], axis=0) for name in FEATURE_NAMES
    }
    rows = [(name, float(by_part.max()), float(by_part.mean())) for name, by_part in family_means.items()]
    schema = {"feature": pl.String(), "most": pl.Float64(), "mean": pl.Float64()}
    return pl.DataFrame(rows, schema, orient="row").sort("most", "feature", descending=[True, False])


def main() -> None:
    """Measure and print."""
    parser = new_parser("columns", __doc__)
    add_world_options(parser, scale=0.4, seed=11)
    parser.add_argument("--scenario", choices=("mixed", "composed"), default="composed")
    parser.add_argument("--families", type=int, default=6, help="how many are left out, drawn by the seed")
    options = parser.parse_args()
    world = prepare_world(options.scenario, options.pools, scale=options.scale, seed=options.seed, cache=options.cache)
    worlds = DilutedWorlds(options.scenario, options.pools, options.scale, options.cache)
    rows = worlds.read_out(QUICK, options.seed + 1)
    left_out = sample_families(world, rows[PURE], options.seed, options.families)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as hands:
        by_family = list(hands.map(lambda family: of_family(world, rows, family, options.seed), left_out))
    lines = [[row["feature"], f"{row['most']:.4f}", f"{row['mean']:.4f}"] for row in summarize(by_family).to_dicts()]
    print("\n".join(table(["feature", "most of any dilution and mode", "mean"], lines)))


if __name__ == "__main__":
    main()
