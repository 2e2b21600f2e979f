"""Fit a candidate: tune it, calibrate its out-of-fold scores, set its thresholds; then judge it on the test set."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.metrics import threshold_at
from training.evaluation.report import EvaluationRequest, Report, evaluate
from training.examples.dataset import lift_by_standing, lifts, matrix
from training.examples.test_set import TestSet
from training.fitting.plan import Plan
from training.fitting.request import TrainingRequest
from training.fitting.training_sets import TrainingSet
from training.models.calibrate import Calibrator, fit_calibrator
from training.models.candidate import Candidate, Scorer
from training.models.standing import ReferenceAccounts, Standing, fit_reference, fit_standing

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FittedCandidate:
    """A candidate that was tuned, fitted and calibrated.

    Attributes:
        scorer: gives raw scores.
        standing: turns raw scores into normal scores, to which a group's lift is added; None for a candidate that is
            not shown groups.
        calibrator: turns these, or raw scores, into risks.
        reference: the accounts that it learned from; None for a candidate that is not shown groups.
        thresholds: risks by name, at and above which an account is reviewed (`review`) and acted on (`act`).
        features: the columns that the scorer reads.
        tuned: the candidate with what was chosen for it.
    """

    scorer: Scorer
    standing: Standing | None
    calibrator: Calibrator
    reference: ReferenceAccounts | None
    thresholds: Mapping[str, float]
    features: tuple[str, ...]
    tuned: Candidate

    @property
    def parameters(self) -> dict[str, float | int | str]:
        """What was set and chosen."""
        return self.tuned.parameters()

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


def fit_candidate(candidate: Candidate, training_set: TrainingSet, seed: int, plan: Plan) -> FittedCandidate:
    """Tune a candidate, calibrate it on out-of-fold scores, then fit it on all rows.

    Args:
        candidate: what to fit.
        training_set: what it learns from.
        seed: of the fit.
        plan: says how many honest accounts the thresholds may flag.
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
    scorer = tuned.fit(rows, seed)
    return FittedCandidate(
        scorer=scorer,
        standing=standing,
        calibrator=calibrator,
        reference=_reference(scorer, standing, calibrator, training_set),
        thresholds=_thresholds(calibrator.apply(scores), training_set, plan),
        features=rows.features,
        tuned=tuned,
    )


def judge_candidate(
    candidate: Candidate, training_set: TrainingSet, test: TestSet, request: TrainingRequest
) -> JudgedCandidate:
    """Fit a candidate and judge it on the test set."""
    fitted = fit_candidate(candidate, training_set, request.seed, request.plan)
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


def _thresholds(risk: Numbers, training_set: TrainingSet, plan: Plan) -> dict[str, float]:
    """Set thresholds on out-of-fold risks (n,) of all rows, of which the latest of real accounts count.

    They flag at most `plan.review_rate` and `plan.act_rate` of the honest accounts, and nobody below the base rate.
    An unlabelled account is honest with the complement of its risk. If it counted as honest, a campaign that nobody
    has confirmed would push the thresholds above its own members. Whom the champion of before flags does not count at
    all until somebody judges him: many members of middling risk would push as much.
    """
    is_current, label = training_set.is_current, training_set.rows.label[training_set.is_current]
    current = risk[is_current]
    honest = np.ones(current.size)
    if training_set.is_unlabelled is not None:
        honest = np.where(training_set.is_unlabelled[is_current], 1.0 - current, 1.0)
    if training_set.is_flagged is not None:
        honest = np.where(training_set.is_flagged[is_current], 0.0, honest)
    review, act = (threshold_at(label, current, rate, honest) for rate in (plan.review_rate, plan.act_rate))
    review = min(max(review, float(label.mean())), 1.0)
    return {"review": review, "act": min(max(act, review), 1.0)}


def _reference(
    scorer: Scorer, standing: Standing | None, calibrator: Calibrator, training_set: TrainingSet
) -> ReferenceAccounts | None:
    """Describe the latest of the real accounts by the risks that the fitted candidate itself gives them."""
    if standing is None or training_set.lift is None:
        return None
    is_current = training_set.is_current
    current = training_set.rows.matrix[is_current]
    normal = standing.normal_scores(scorer.raw(current)) + training_set.lift[is_current]
    return fit_reference(calibrator.apply(normal), current, training_set.rows.features)
