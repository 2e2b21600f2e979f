"""What candidates learn from: the examples with weights, folds and suspects."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.examples.dataset import SUSPECT_LIFT, are_flagged, lifts, matrix, targets
from training.examples.folds import folds
from training.examples.planted import add_planted, is_planted, weigh_with_planted
from training.examples.rows import TrainingRows
from training.fitting.dropout import with_blanks
from training.fitting.plan import Plan
from training.fitting.suspects import distrust, suspects

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainingSet:
    """What a candidate learns from, and which of the rows serve for thresholds and calibration.

    Attributes:
        rows: what it learns from.
        is_current: (n,); the latest snapshots of real accounts, as a scoring run would see them. Thresholds are set on
            these.
        calibrates: (n,); the rows that the calibrator is fitted on.
        suspect_accounts: how many unlabelled accounts look like confirmed ones.
        base_rate: the assumed share of true accounts where none is confirmed; else None.
        lift: (n,); what a row's group adds to its normal score. None for a candidate that is not shown groups.
        is_unlabelled: (n,); rows of which nobody knows whether they are honest. None for a candidate that takes them
            for honest.
        is_flagged: (n,); those of them that the champion of before flags. None likewise.
    """

    rows: TrainingRows
    is_current: Flags
    calibrates: Flags
    suspect_accounts: int = 0
    base_rate: float | None = None
    lift: NDArray[np.float64] | None = None
    is_unlabelled: Flags | None = None
    is_flagged: Flags | None = None


def training_sets(
    examples: pl.DataFrame,
    planted: pl.DataFrame | None,
    features: Sequence[str],
    plan: Plan,
    seed: int,
    rival_columns: Sequence[str] = (),
) -> tuple[TrainingSet, TrainingSet]:
    """Make the training sets of the rivals and of our model, in this order.

    The rivals stay plain: they treat every unlabelled account as honest, learn from planted accounts only where nothing
    is confirmed, are not shown groups, and may read `rival_columns` as well.
    """
    rival_features = (*features, *rival_columns)
    both = add_planted(examples, planted)
    rows, is_latest, is_real = training_rows(both, features, plan, seed), _is_latest(both), ~is_planted(both)
    unlabelled = both["label"].is_null().to_numpy()
    by_group = unlabelled & (lifts(both) >= SUSPECT_LIFT)
    suspect = suspects(rows, unlabelled, seed) | by_group | are_flagged(both)
    ours = TrainingSet(
        rows=distrust(rows, suspect),
        is_current=is_latest & is_real,
        calibrates=is_latest & ~suspect & is_real,
        suspect_accounts=int((suspect & is_latest).sum()),
        lift=lifts(both),
        is_unlabelled=unlabelled,
        is_flagged=are_flagged(both),
    )
    if (rows.label & is_real).any():
        latest = _is_latest(examples)
        plain = training_rows(examples, rival_features, plan, seed)
        return TrainingSet(rows=plain, is_current=latest, calibrates=latest), _with_blanks(ours, plan, seed)
    # Planted accounts stand in for the true ones that nobody has confirmed, at the rate that is assumed for these.
    ours = replace(ours, calibrates=is_latest & ~suspect, base_rate=plan.assumed_base_rate)
    plain = training_rows(both, rival_features, plan, seed)
    rivals = TrainingSet(
        rows=plain, is_current=is_latest & is_real, calibrates=is_latest, base_rate=plan.assumed_base_rate
    )
    return rivals, _with_blanks(ours, plan, seed)


def _with_blanks(training_set: TrainingSet, plan: Plan, seed: int) -> TrainingSet:
    """Add copies of rows that lack columns; nothing is calibrated on the copies."""
    if not plan.blank_share:
        return training_set
    rows, source = with_blanks(training_set.rows, plan.blank_share, seed)
    is_original = np.arange(source.size) < training_set.is_current.size
    return replace(
        training_set,
        rows=rows,
        is_current=is_original & training_set.is_current[source],
        calibrates=is_original & training_set.calibrates[source],
        lift=None if training_set.lift is None else training_set.lift[source],
        is_unlabelled=None if training_set.is_unlabelled is None else training_set.is_unlabelled[source],
        is_flagged=None if training_set.is_flagged is None else training_set.is_flagged[source],
    )


def training_rows(examples: pl.DataFrame, features: Sequence[str], plan: Plan, seed: int) -> TrainingRows:
    """Make matrix, labels, weights and folds of the examples.

    Where nothing is confirmed, planted accounts are all that is true, and weigh as much as an unlabelled one.
    """
    is_confirmed = bool((targets(examples) & ~is_planted(examples)).any())
    planted_weight = plan.planted_weight if is_confirmed else plan.unlabelled_weight
    return TrainingRows(
        features=tuple(features),
        matrix=matrix(examples, features),
        label=targets(examples),
        weight=weigh_with_planted(examples, plan.unlabelled_weight, plan.campaign_power, planted_weight),
        fold=folds(examples, seed, plan.max_folds),
    )


def _is_latest(examples: pl.DataFrame) -> Flags:
    """Which rows are the latest snapshot of their account, (n,): what a scoring run would see."""
    latest = pl.col("as_of") == pl.col("as_of").max().over("account_id")
    return examples.select(latest).to_series().to_numpy()
