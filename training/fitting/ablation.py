"""What something earns: the same training on the same frozen test set, with it and without it.

For a further rival nothing else is needed than `train(..., rivals=[...])`, and `over` for the difference.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import polars as pl

from features.errors import InputError
from training.evaluation.metrics import Estimate, Numbers
from training.evaluation.paired import differences
from training.evaluation.slices import campaigns_of
from training.examples.dataset import targets
from training.examples.splits import Split
from training.fitting.train import OURS, Plan, Trained, train


def over(trained: Trained, rival: str, candidate: str = OURS) -> tuple[Estimate, ...]:
    """How much better a candidate is than a rival on the very same accounts, figure by figure, with intervals."""
    test = trained.split.test.frame
    ours, theirs = (trained.candidates[name].risk for name in (candidate, rival))
    return differences(targets(test), ours, theirs, campaigns_of(test)[1], seed=trained.seed)


def earned(
    examples: pl.DataFrame,
    features: Sequence[str],
    without: Collection[str],
    *,
    split: Split,
    as_of: datetime,
    seed: int,
    volume_feature: str,
    plan: Plan | None = None,
) -> tuple[Estimate, ...]:
    """How much better our model is with all `features` than without some of them, both fitted on the same split.

    The volume feature always stays, since the volume rule is judged beside.

    Raises:
        InputError: a feature to leave out is none, or all are left out.
    """
    unknown, rest = sorted(set(without) - set(features)), [name for name in features if name not in without]
    if unknown or not rest:
        raise InputError(
            f"The features to leave out must be some of all: unknown are {unknown}, {len(rest)} would be left."
        )
    kept = rest if volume_feature in rest else [*rest, volume_feature]
    test = split.test.frame

    def risk(names: Sequence[str]) -> Numbers:
        trained = train(
            examples,
            names,
            as_of=as_of,
            seed=seed,
            schema_version="",
            volume_feature=volume_feature,
            plan=plan,
            split=split,
        )
        return trained.candidates[OURS].risk

    return differences(targets(test), risk(features), risk(kept), campaigns_of(test)[1], seed=seed)
