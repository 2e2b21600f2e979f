"""What candidates learn from: the examples with weights, folds and suspects; the plan says how."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.examples.dataset import is_grouped, matrix, targets
from training.examples.folds import folds
from training.examples.planted import is_planted, together, weigh
from training.fitting.dropout import with_blanks
from training.fitting.suspects import distrust, suspects
from training.models.fit import Learning, Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be set for a training.

    `weak` and `planted`: weights of an unlabelled and of a planted account, a confirmed one weighs 1. `prior`: the base
    rate of risks while nothing is confirmed. `review_rate`: share of other accounts that the review threshold may flag.
    `search`: trials of a search for other settings of the trees. `blanks`: share of the rows that ours learns from once
    more as a provider sees them who lacks texts, infrastructure or both.
    """

    settings: Settings = field(default_factory=Settings)
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
class Lesson:
    """What a candidate learns from, and which rows (n,) are real accounts as a scoring run would see them.

    `certain` of these serve to calibrate; `base_rate` is given where they hold no confirmed account. `grouped` rows
    (n,) are in a campaign; absent for a candidate that is not to know of campaigns.
    """

    data: Learning
    real: NDArray[np.bool_]
    certain: NDArray[np.bool_]
    suspects: int = 0
    base_rate: float | None = None
    grouped: NDArray[np.bool_] | None = None


def lessons(
    examples: pl.DataFrame,
    planted: pl.DataFrame | None,
    features: Sequence[str],
    plan: Plan,
    seed: int,
    beside: Sequence[str] = (),
) -> tuple[Lesson, Lesson]:
    """For the rivals and for ours.

    The rivals stay plain: they take every unlabelled account for what it seems, planted ones only where nothing is
    confirmed, and know of no campaign. They are shown the columns `beside` as well.
    """
    shown = (*features, *beside)
    everything = together(examples, planted)
    data, last, unreal = learning(everything, features, plan, seed), _last(everything), is_planted(everything)
    grouped = is_grouped(everything)
    suspect = suspects(data, everything["label"].is_null().to_numpy(), seed)
    trusted, counted = distrust(data, suspect), int((suspect & last).sum())
    if not (data.label & ~unreal).any():
        # planted accounts stand for those that nobody has confirmed, at the rate that is assumed for these
        ours = Lesson(trusted, last & ~unreal, last & ~suspect, counted, plan.prior, grouped)
        wide = learning(everything, shown, plan, seed)
        return Lesson(wide, last & ~unreal, last, base_rate=plan.prior), _with_blanks(ours, plan, seed)
    ours = Lesson(trusted, last & ~unreal, last & ~suspect & ~unreal, counted, grouped=grouped)
    alone = learning(examples, shown, plan, seed)
    return Lesson(alone, _last(examples), _last(examples)), _with_blanks(ours, plan, seed)


def _with_blanks(lesson: Lesson, plan: Plan, seed: int) -> Lesson:
    """The same, with copies of rows that lack columns; nothing is calibrated on these."""
    if not plan.blanks:
        return lesson
    data, row = with_blanks(lesson.data, plan.blanks, seed)
    is_own = np.arange(row.size) < lesson.real.size
    grouped = None if lesson.grouped is None else lesson.grouped[row]
    real, certain = is_own & lesson.real[row], is_own & lesson.certain[row]
    return replace(lesson, data=data, real=real, certain=certain, grouped=grouped)


def learning(examples: pl.DataFrame, features: Sequence[str], plan: Plan, seed: int) -> Learning:
    """What candidates learn from: features, labels, weights and folds of the examples.

    Where nothing is confirmed, planted accounts are all that is true, and weigh as much as an unlabelled one.
    """
    is_confirmed = bool((targets(examples) & ~is_planted(examples)).any())
    each = plan.planted if is_confirmed else plan.weak
    return Learning(
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
