"""What candidates learn from: the examples with weights, folds and suspects; the plan says how."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.examples.dataset import is_in_campaign, matrix, targets
from training.examples.folds import folds
from training.examples.planted import is_planted, together, weigh
from training.examples.rows import TrainingRows
from training.fitting.dropout import with_blanks
from training.fitting.suspects import distrust, suspects
from training.models.fit import BoostingSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be set for a training.

    `weak` and `planted`: weights of an unlabelled and of a planted account, a confirmed one weighs 1. `prior`: the base
    rate of risks while nothing is confirmed. `review_rate`: share of other accounts that the review threshold may flag.
    `search`: trials of a search for other settings of the trees. `blanks`: share of the rows that ours learns from once
    more as a provider sees them who lacks texts, infrastructure or both.
    """

    settings: BoostingSettings = field(default_factory=BoostingSettings)
    weak: float = 0.1
    planted: float = 0.01
    prior: float = 0.01
    campaign_power: float = 0.5
    campaign_share: float = 0.25
    account_share: float = 0.25
    review_rate: float = 0.01
    most_folds: int = 4
    replicates: int = 300
    search: int = 0
    blanks: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """What a candidate learns from, and which rows (n,) are real accounts as a scoring run would see them.

    `certain` of these serve to calibrate; `base_rate` is given where they hold no confirmed account. `grouped` rows
    (n,) are in a campaign; absent for a candidate that is not to know of campaigns.
    """

    data: TrainingRows
    real: NDArray[np.bool_]
    certain: NDArray[np.bool_]
    suspects: int = 0
    base_rate: float | None = None
    in_campaign: NDArray[np.bool_] | None = None


def training_sets(
    examples: pl.DataFrame,
    planted: pl.DataFrame | None,
    features: Sequence[str],
    plan: Plan,
    seed: int,
    beside: Sequence[str] = (),
) -> tuple[TrainingSet, TrainingSet]:
    """For the rivals and for ours.

    The rivals stay plain: they take every unlabelled account for what it seems, planted ones only where nothing is
    confirmed, and know of no campaign. They are shown the columns `beside` as well.
    """
    shown = (*features, *beside)
    everything = together(examples, planted)
    data, last, unreal = training_rows(everything, features, plan, seed), _last(everything), is_planted(everything)
    in_campaign = is_in_campaign(everything)
    suspect = suspects(data, everything["label"].is_null().to_numpy(), seed)
    trusted, counted = distrust(data, suspect), int((suspect & last).sum())
    if not (data.label & ~unreal).any():
        # planted accounts stand for those that nobody has confirmed, at the rate that is assumed for these
        ours = TrainingSet(trusted, last & ~unreal, last & ~suspect, counted, plan.prior, in_campaign)
        wide = training_rows(everything, shown, plan, seed)
        return TrainingSet(wide, last & ~unreal, last, base_rate=plan.prior), _with_blanks(ours, plan, seed)
    ours = TrainingSet(trusted, last & ~unreal, last & ~suspect & ~unreal, counted, in_campaign=in_campaign)
    alone = training_rows(examples, shown, plan, seed)
    return TrainingSet(alone, _last(examples), _last(examples)), _with_blanks(ours, plan, seed)


def _with_blanks(training_set: TrainingSet, plan: Plan, seed: int) -> TrainingSet:
    """The same, with copies of rows that lack columns; nothing is calibrated on these."""
    if not plan.blanks:
        return training_set
    data, row = with_blanks(training_set.data, plan.blanks, seed)
    is_own = np.arange(row.size) < training_set.real.size
    in_campaign = None if training_set.in_campaign is None else training_set.in_campaign[row]
    real, certain = is_own & training_set.real[row], is_own & training_set.certain[row]
    return replace(training_set, data=data, real=real, certain=certain, in_campaign=in_campaign)


def training_rows(examples: pl.DataFrame, features: Sequence[str], plan: Plan, seed: int) -> TrainingRows:
    """What candidates learn from: features, labels, weights and folds of the examples.

    Where nothing is confirmed, planted accounts are all that is true, and weigh as much as an unlabelled one.
    """
    is_confirmed = bool((targets(examples) & ~is_planted(examples)).any())
    each = plan.planted if is_confirmed else plan.weak
    return TrainingRows(
        features=tuple(features),
        matrix=matrix(examples, features),
        label=targets(examples),
        weight=weigh(examples, plan.weak, plan.campaign_power, each),
        fold=folds(examples, seed, plan.most_folds),
    )


def _last(examples: pl.DataFrame) -> NDArray[np.bool_]:
    """True for the latest snapshot of each account: what a scoring run would see, so what risks are
    calibrated on.
    """
    latest = pl.col("as_of") == pl.col("as_of").max().over("account_id")
    return examples.select(latest).to_series().to_numpy()
