"""Are risks still true in worlds that training never saw, and where ten times as few or as many accounts are true?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.worlds.training_worlds import World
from training.evaluation.metrics import expected_calibration_error
from training.examples.dataset import matrix
from training.examples.test_set import latest
from training.fitting.candidates import FittedCandidate
from training.models.calibrate import Calibrator, estimated_rate

TIMES = 10
Numbers = NDArray[np.float64]
OWN, FEWER, MORE = "own", "a tenth of the true accounts", "a tenth of the honest accounts"


@dataclass(frozen=True)
class Held:
    """The calibration error in one held-out world at one base rate.

    Attributes:
        world: its name.
        kept: which accounts stay.
        base_rate: share of true accounts.
        as_is: of the risks as they are scored.
        known: where the base rate is told to the calibrator.
        estimated: where it is estimated from the scores alone.
        estimate: that estimate.
    """

    world: str
    kept: str
    base_rate: float
    as_is: float
    known: float
    estimated: float
    estimate: float


def held_out(model: FittedCandidate, worlds: Sequence[World], seed: int) -> Iterator[Held]:
    """Judge a model on the latest snapshots of other worlds, under the truth."""
    for world in worlds:
        rows = latest(world.examples).join(world.truth.select("account_id", true="label"), on="account_id")
        label, scores = rows["true"].to_numpy(), model.scorer.raw(matrix(rows, model.features))
        for kept, chosen in _kept(label, seed).items():
            yield _judge(world.name, kept, label[chosen], scores[chosen], model.calibrator)


def _judge(world: str, kept: str, label: NDArray[np.bool_], scores: Numbers, calibrator: Calibrator) -> Held:
    estimate = estimated_rate(calibrator, scores)
    rate = float(label.mean())
    errors = [_error(label, at.apply(scores)) for at in (calibrator, calibrator.at(rate), calibrator.at(estimate))]
    return Held(world, kept, rate, *errors, estimate)


def _error(label: NDArray[np.bool_], risk: Numbers) -> float:
    return float(expected_calibration_error(label, risk, np.ones(label.size)))


def _kept(label: NDArray[np.bool_], seed: int) -> dict[str, NDArray[np.bool_]]:
    """Which rows (n,) stay at each base rate."""
    lucky = np.random.default_rng([seed, 61]).random(label.size) < 1 / TIMES
    return {OWN: np.ones(label.size, dtype=np.bool_), FEWER: ~label | lucky, MORE: label | lucky}
