"""Fit a candidate: tune it, calibrate its out-of-fold scores, set its threshold; then judge it on the test set."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.metrics import threshold_at
from training.evaluation.report import EvaluationRequest, Report, evaluate
from training.examples.dataset import lift_by_standing, lifts, matrix
from training.examples.test_set import TestSet
from training.fitting.request import TrainingRequest
from training.fitting.training_sets import TrainingSet
from training.models.calibrate import Calibrator, fit_calibrator
from training.models.candidate import Candidate, Scorer
from training.models.standing import Standing, fit_standing

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FittedCandidate:
    """A candidate that was tuned, fitted and calibrated.

    Attributes:
        scorer: gives raw scores.
        standing: turns raw scores into normal scores, to which a group's lift is added; None for a candidate that is
            not shown groups.
        calibrator: turns these, or raw scores, into risks.
        thresholds: risks by name; `review` is the one at and above which an account is reviewed.
        features: the columns that the scorer reads.
        parameters: what was set and chosen.
    """

    scorer: Scorer
    standing: Standing | None
    calibrator: Calibrator
    thresholds: Mapping[str, float]
    features: tuple[str, ...]
    parameters: Mapping[str, float | int | str]

    def risk(self, examples: pl.DataFrame) -> Numbers:
        """The risks (n,) of examples."""
        return self.calibrator.apply(self.scores(examples))

    def scores(self, examples: pl.DataFrame) -> Numbers:
        """What the calibrator turns into the risks of examples, (n,).

        Their groups count by the column `training.examples.dataset.LIFT`, or, where there are columns of groups, by the
        standing that the examples of a group have by this very model.
        """
        scores = self.scorer.raw(matrix(examples, self.features))
        if self.standing is None:
            return scores
        by_group = lifts(examples)
        if "group" in examples.columns:
            by_group = lift_by_standing(examples, self.standing.shares(scores))
        return self.standing.normal_scores(scores) + by_group


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
    tuned, scores = candidate.tune(rows, seed)
    standing = None
    if training_set.lift is not None:
        standing = fit_standing(scores[is_current])
        scores = standing.normal_scores(scores) + training_set.lift
    calibrator = fit_calibrator(scores[calibrates], rows.label[calibrates])
    if training_set.base_rate is not None:
        calibrator = calibrator.at(training_set.base_rate)
    risk = calibrator.apply(scores[is_current])
    return FittedCandidate(
        scorer=tuned.fit(rows, seed),
        standing=standing,
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
