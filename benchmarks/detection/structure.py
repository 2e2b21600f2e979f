"""What structure adds: recall with and without features of other accounts, from few requests, families left out.

python -m benchmarks structure --pools DIR [--scale F] [--seed N] [--cache DIR] [--worlds N] [--families N] [--docs]

Models are trained and judged as in `fingerprint`: our model as it ships; with the campaign lift switched off; and
trained without the features of coordination, then without those of sharing too. Features that compare an account with
its plan, or its registration with others, stay.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from threadpoolctl import threadpool_limits

from benchmarks.detection.fingerprint import among_honest, fit_on, judged_by
from benchmarks.detection.fingerprint_tables import RisksByDilution
from benchmarks.detection.left_out import LABELLED, TrainingData, data_without, ours, sample_families, without_lift
from benchmarks.detection.mean_estimates import STRICTEST, describe_families, format_estimate, mean_estimates
from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, add_world_options, new_parser
from benchmarks.worlds.diluted import Dilution
from benchmarks.worlds.diluted_worlds import DilutedFeatures, DilutedWorlds
from benchmarks.worlds.training_worlds import TrainingWorld, prepare_world
from docs_tools.documents import table, write_part
from features.catalogue import FEATURES
from training.evaluation.headline import NEEDED
from training.evaluation.metrics import recall_name
from training.fitting.candidates import FittedCandidate
from training.models.candidate import OURS

PAGE, PART = "campaigns.md", "structure"
DILUTIONS = tuple(Dilution(requests, share) for requests in (50, 100, 250) for share in (1.0, 0.25))
COORDINATION, COORDINATION_AND_SHARING = frozenset({"coordination"}), frozenset({"coordination", "sharing"})
NO_CAMPAIGNS, NO_COORDINATION, NOR_SHARING = "no campaigns", "no coordination either", "nor sharing"
STRICT, STRICTER = recall_name(0.001), recall_name(STRICTEST)


def with_and_without(data: TrainingData) -> Mapping[str, FittedCandidate]:
    """Train our model, and the same with fewer and fewer features of other accounts."""
    whole = ours(data)[OURS]
    blind = {NO_COORDINATION: fit_blind(data, COORDINATION), NOR_SHARING: fit_blind(data, COORDINATION_AND_SHARING)}
    return {OURS: whole, NO_CAMPAIGNS: without_lift(whole)} | blind


def fit_blind(data: TrainingData, unseen: frozenset[str]) -> FittedCandidate:
    """Train our model without some families of features and without the campaign lift."""
    return without_lift(fit_on(data, [feature.name for feature in FEATURES if feature.family not in unseen]))


def judge_with_and_without(world: TrainingWorld, rows: DilutedFeatures, family: str, seed: int) -> RisksByDilution:
    """Train without a family, and judge it at all dilutions."""
    models = with_and_without(replace(data_without(world, [family], LABELLED), seed=seed))
    risks = {dilution: judged_by(among_honest(frame, family), family, models) for dilution, frame in rows.items()}
    log_step(f"without {family}: done")
    return risks


def structure_table(by_family: Sequence[RisksByDilution], seed: int) -> list[str]:
    """A row for each dilution and model: recall at 0.1 % and at 0.01 %, PR-AUC, and our recall as a multiple."""
    honest = min(int((~judged.label).sum()) for risks in by_family for judged in risks.values())
    rows = []
    for dilution in by_family[0]:
        judged = [risks[dilution] for risks in by_family]
        family_means = {name: mean_estimates(judged, name, seed) for name in judged[0].risks}
        for name, model_means in family_means.items():
            recall, other = (estimates[STRICT].value or 0.0 for estimates in (family_means[OURS], model_means))
            multiple = f"{recall / other:.2f}" if other else "-"
            stricter = format_estimate(model_means[STRICTER]) if honest >= NEEDED[STRICTER] else "-"
            row = [format_estimate(model_means[STRICT]), stricter, format_estimate(model_means["pr_auc"]), multiple]
            rows.append([dilution.name, name, *row])
    head = ["at most", "model", "recall at 0.1 %", "at 0.01 %", "PR-AUC", "ours, times this recall at 0.1 %"]
    lines = table(head, rows)
    if honest < NEEDED[STRICTER]:
        lines += ["", f"0.01 % is not to be measured here: it needs {NEEDED[STRICTER]:,} honest accounts."]
    return lines


def measure_structure(
    world: TrainingWorld, rows: DilutedFeatures, left_out: Sequence[str], seed: int, judged_in: str
) -> list[str]:
    """The part of the page."""
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(judge_with_and_without, world, rows, family, seed) for family in left_out]
        by_family = [call.result() for call in calls]
    judged = [next(iter(risks.values())) for risks in by_family]
    scope = f"Trained on {world.name}; judged in {judged_in} together: {describe_families(judged)}"
    return [scope, "", *structure_table(by_family, seed)]


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = new_parser("structure", __doc__)
    add_world_options(parser, scale=0.4, seed=1)
    parser.add_argument("--scenario", default="mixed")
    parser.add_argument("--worlds", type=int, default=5, help="worlds of the next seeds that are judged together")
    parser.add_argument("--families", type=int, help="leave out so many families, drawn by the seed; else all")
    add_docs_option(parser, f"docs/results/{PAGE}")
    options = parser.parse_args()
    seed = options.seed
    world = prepare_world(options.scenario, options.pools, scale=options.scale, seed=seed, cache=options.cache)
    worlds = DilutedWorlds(options.scenario, options.pools, options.scale, options.cache)
    rows = worlds.read_out_together(DILUTIONS, range(seed + 1, seed + 1 + options.worlds))
    left_out = sample_families(world, rows[DILUTIONS[0]], seed, options.families)
    with threadpool_limits(1, user_api="blas"):
        lines = measure_structure(world, rows, left_out, seed, f"{options.worlds} worlds of the next seeds")
    print("\n".join(lines))
    if options.docs:
        write_part(PAGE, PART, lines)


if __name__ == "__main__":
    main()
