"""Calibration in worlds held out of training, and where ten times as few or as many accounts are true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.worlds.training_worlds import TrainingWorld
from training.evaluation.metrics import expected_calibration_error
from training.examples.test_set import latest
from training.fitting.candidates import FittedCandidate
from training.models.calibrate import estimated_rate

TIMES = 10  # by which the base rate is lowered and raised
Numbers = NDArray[np.float64]
OWN, FEWER, MORE = "own", "a tenth of the true accounts", "a tenth of the honest accounts"


@dataclass(frozen=True)
class HeldOutCalibration:
    """The calibration error in one held-out world at one base rate.

    Attributes:
        world: its name.
        accounts: which accounts are judged.
        base_rate: share of true accounts among them.
        as_scored: error of the risks as they are scored.
        at_base_rate: error where the calibrator is set to the base rate.
        at_estimate: error where the calibrator is set to an estimate of the base rate from the scores alone.
        estimated_rate: that estimate.
    """

    world: str
    accounts: str
    base_rate: float
    as_scored: float
    at_base_rate: float
    at_estimate: float
    estimated_rate: float


def held_out_calibration(
    model: FittedCandidate, worlds: Sequence[TrainingWorld], seed: int
) -> Iterator[HeldOutCalibration]:
    """Judge a model on the latest snapshots of other worlds, under the truth."""
    for world in worlds:
        rows = latest(world.examples).join(world.truth.select("account_id", true="label"), on="account_id")
        label, scores = rows["true"].to_numpy(), model.scores(rows)
        for accounts, chosen in _selections(label, seed).items():
            rate = float(label[chosen].mean())
            estimate = estimated_rate(model.calibrator, scores[chosen])
            rates = (model.calibrator, model.calibrator.at(rate), model.calibrator.at(estimate))
            errors = [_error(label[chosen], calibrator.apply(scores[chosen])) for calibrator in rates]
            yield HeldOutCalibration(
                world=world.name,
                accounts=accounts,
                base_rate=rate,
                as_scored=errors[0],
                at_base_rate=errors[1],
                at_estimate=errors[2],
                estimated_rate=estimate,
            )


def _error(label: NDArray[np.bool_], risk: Numbers) -> float:
    return float(expected_calibration_error(label, risk, np.ones(label.size)))


def _selections(label: NDArray[np.bool_], seed: int) -> dict[str, NDArray[np.bool_]]:
    """Masks (n,) of the accounts that are judged at each base rate."""
    in_sample = np.random.default_rng([seed, 61]).random(label.size) < 1 / TIMES
    return {OWN: np.ones(label.size, dtype=np.bool_), FEWER: ~label | in_sample, MORE: label | in_sample}
