"""Fit a candidate: tune it, calibrate its out-of-fold scores, set its threshold; then judge it on the test set."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.metrics import threshold_at
from training.evaluation.report import EvaluationRequest, Report, evaluate
from training.examples.dataset import is_in_campaign, matrix
from training.examples.test_set import TestSet
from training.fitting.request import TrainingRequest
from training.fitting.training_sets import TrainingSet
from training.models.calibrate import Calibrator, fit_calibrator, with_lift
from training.models.candidate import Candidate, Scorer

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FittedCandidate:
    """A candidate that was tuned, fitted and calibrated.

    Attributes:
        scorer: gives raw scores.
        calibrator: turns raw scores into risks.
        thresholds: risks by name; `review` is the one at and above which an account is reviewed.
        features: the columns that the scorer reads.
        parameters: what was set and chosen.
    """

    scorer: Scorer
    calibrator: Calibrator
    thresholds: Mapping[str, float]
    features: tuple[str, ...]
    parameters: Mapping[str, float | int | str]

    def risk(self, examples: pl.DataFrame) -> Numbers:
        """The risks (n,) of examples."""
        return self.calibrator.apply(self.scorer.raw(matrix(examples, self.features)), is_in_campaign(examples))


@dataclass(frozen=True, slots=True, eq=False)
class JudgedCandidate:
    """A fitted candidate with its report, and its risks (n,) of the test set in row order."""

    fitted: FittedCandidate
    report: Report
    risk: Numbers


def fit_candidate(candidate: Candidate, training_set: TrainingSet, seed: int, review_rate: float) -> FittedCandidate:
    """Tune a candidate, calibrate it on out-of-fold scores, then fit it on all rows.

    Args:
        candidate: what to fit.
        training_set: what it learns from.
        seed: of the fit.
        review_rate: share of the accounts that are not true that the review threshold may flag.
    """
    rows, is_current, calibrates = training_set.rows, training_set.is_current, training_set.calibrates
    in_campaign = training_set.in_campaign
    tuned, scores = candidate.tune(rows, seed)
    calibrator = fit_calibrator(scores[calibrates], rows.label[calibrates])
    if in_campaign is not None:
        lifts = calibrates & is_current  # nobody knows which campaign a planted account would have been in
        calibrator = with_lift(calibrator, scores[lifts], rows.label[lifts], in_campaign[lifts])
    if training_set.base_rate is not None:
        calibrator = calibrator.at(training_set.base_rate)
    risk = calibrator.apply(scores[is_current], None if in_campaign is None else in_campaign[is_current])
    return FittedCandidate(
        scorer=tuned.fit(rows, seed),
        calibrator=calibrator,
        thresholds=_thresholds(risk, rows.label[is_current], review_rate),
        features=rows.features,
        parameters=tuned.parameters(),
    )


def judge_candidate(
    candidate: Candidate, training_set: TrainingSet, test: TestSet, request: TrainingRequest
) -> JudgedCandidate:
    """Fit a candidate and judge it on the test set."""
    fitted = fit_candidate(candidate, training_set, request.seed, request.plan.review_rate)
    report = evaluate(
        test,
        fitted.risk,
        EvaluationRequest(
            model=candidate.name,
            as_of=request.as_of,
            seed=request.seed,
            review_threshold=fitted.thresholds["review"],
            replicates=request.plan.replicates,
        ),
    )
    return JudgedCandidate(fitted, report, fitted.risk(test.frame))


def _thresholds(risk: Numbers, label: NDArray[np.bool_], review_rate: float) -> dict[str, float]:
    """Set thresholds on out-of-fold risks.

    `review` flags at most `review_rate` of the accounts that are not true, and nobody below the base rate.
    """
    review = max(threshold_at(label, risk, review_rate), float(label.mean()))
    return {"review": min(review, 1.0)}
