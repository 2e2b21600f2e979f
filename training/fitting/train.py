"""Fit and judge all candidates on the same frozen test set; pure, tracked elsewhere."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.baselines import VolumeRule
from training.evaluation.metrics import threshold_at
from training.evaluation.report import Report, evaluate
from training.examples.dataset import digest, is_in_campaign, matrix
from training.examples.splits import Split, by_campaign, marks, without_labels
from training.examples.test_set import TestSet
from training.fitting.training_sets import Plan as Plan
from training.fitting.training_sets import TrainingSet, training_sets
from training.models.blend import Blend, Blended
from training.models.calibrate import Calibrator, fit_calibrator, with_lift
from training.models.candidate import Candidate, Scorer
from training.models.fit import Boosting
from training.models.logistic_regression import LogisticRegression
from training.models.model import Model
from training.models.narrow import Narrow
from training.models.search import search

OURS = "stillwatch"
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedCandidate:
    """A fitted candidate with its report, and its risks (n,) of the test set in row order."""

    scorer: Scorer
    calibrator: Calibrator
    thresholds: Mapping[str, float]
    report: Report
    risk: Numbers
    parameters: Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Everything a training gives: our model, all candidates judged on one frozen test set, and the
    digests.
    """

    model: Model
    candidates: Mapping[str, JudgedCandidate]
    split: Split
    as_of: datetime
    seed: int
    digests: Mapping[str, str]
    counts: Mapping[str, int]

    @property
    def reports(self) -> dict[str, Report]:
        """The report of each candidate, ours first."""
        return {name: judged.report for name, judged in self.candidates.items()}

    @property
    def report(self) -> Report:
        """The report of our model."""
        return self.candidates[OURS].report

    @property
    def risks(self) -> pl.DataFrame:
        """The risk that each candidate gave each account of the test set: `account_id`, and a column per candidate."""
        columns = {name: judged.risk for name, judged in self.candidates.items()}
        return pl.DataFrame({"account_id": self.split.test.frame["account_id"], **columns})


def train(
    examples: pl.DataFrame,
    features: Sequence[str],
    *,
    as_of: datetime,
    seed: int,
    schema_version: str,
    volume_feature: str,
    plan: Plan | None = None,
    split: Split | None = None,
    slices: pl.DataFrame | None = None,
    rivals: Sequence[Candidate] = (),
    beside: Sequence[str] = (),
    planted: pl.DataFrame | None = None,
    told: Mapping[str, str] | None = None,
) -> Trained:
    """Split, fit, calibrate and judge ours and the rivals (`volume_rule` on `volume_feature`,
    `logistic_regression`).

    `examples` as in `training.examples.dataset`; the same input, plan and seed give the same model to the bit,
    whatever the row order. Give `split` to judge by another one than `by_campaign`, `groups`
    (`training.examples.test_set`) to report on, further `rivals` to be judged beside ours, who are also shown the
    columns `beside` that ours does not learn from (`training.baselines.literature`), `planted` examples
    (`training.examples.planted`) for ours to learn from as well, and what else is to be `told` in the model's label.
    Where no account is confirmed, all learn from the planted ones and nothing can be judged. Raises `InputError`
    if there are too few true accounts to learn or judge by.
    """
    plan = plan or Plan()
    ordered = examples.sort("account_id", "as_of")
    cut = split or _split(ordered, seed, plan, slices, planted)
    theirs, ours = training_sets(cut.train, planted, features, plan, seed, beside)
    settings = search(ours.data, plan.search, seed, plan.settings)
    plain: list[Candidate] = [
        Blend(Boosting(settings)),
        VolumeRule(volume_feature),
        Narrow(LogisticRegression(), tuple(features)),
    ]
    candidates = {}
    for candidate in (*plain, *rivals):
        training_set = ours if candidate.name == OURS else theirs
        candidates[candidate.name] = _judge_candidate(candidate, training_set, cut.test, as_of, seed, plan)
    digests = {"train": digest(cut.train), "test": cut.test.digest, "schema": schema_version}
    if planted is not None:
        digests["planted"] = digest(planted)
    origin = {"as_of": as_of.isoformat(), "seed": str(seed), "campaigns": " ".join(marks(cut.train))}
    origin["plan"] = json.dumps(asdict(plan), sort_keys=True)
    origin |= {f"digest_{name}": value for name, value in digests.items()} | dict(told or {})
    model = _model(candidates[OURS], tuple(features), schema_version, origin)
    counts = {
        "train_rows": cut.train.height,
        "train_accounts": cut.train["account_id"].n_unique(),
        "train_positives": cut.train.filter("label")["account_id"].n_unique(),
        "train_suspects": ours.suspects,
        "train_planted": 0 if planted is None else planted["account_id"].n_unique(),
        "test_accounts": cut.test.frame.height,
        "test_positives": candidates[OURS].report.positives,
    }
    return Trained(model, candidates, cut, as_of, seed, digests, counts)


def _split(
    examples: pl.DataFrame, seed: int, plan: Plan, slices: pl.DataFrame | None, planted: pl.DataFrame | None
) -> Split:
    if planted is not None and not examples["label"].fill_null(False).any():
        return without_labels(examples, seed, plan.account_share, slices)
    return by_campaign(examples, seed, plan.campaign_share, plan.account_share, slices)


def judge(
    model: Model, test: TestSet, *, as_of: datetime, seed: int, name: str = "champion", replicates: int = 300
) -> Report:
    """The report of a stored model on a frozen test set, say of the champion on the challenger's.

    If the model learnt from campaigns of the test set, the report says so in its notes: its figures then
    flatter.
    """
    learnt = set(marks(test.frame)) & set(model.origin.get("campaigns", "").split())
    if learnt:
        note = f"{name} learnt from {len(learnt)} of the campaigns of this test set, so its figures flatter"
        test = replace(test, notes=(*test.notes, note))
    return evaluate(
        test,
        lambda rows: model.predict(matrix(rows, model.features), is_in_campaign(rows)),
        model=name,
        as_of=as_of,
        seed=seed,
        review_threshold=model.review_threshold,
        replicates=replicates,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """A candidate that has learnt its lesson: tuned, fitted and calibrated."""

    scorer: Scorer
    calibrator: Calibrator
    thresholds: Mapping[str, float]
    features: tuple[str, ...]
    parameters: Mapping[str, float | int | str]

    def risk(self, rows: pl.DataFrame) -> Numbers:
        """Risks (n,) of examples."""
        return self.calibrator.apply(self.scorer.raw(matrix(rows, self.features)), is_in_campaign(rows))


def learn(candidate: Candidate, training_set: TrainingSet, seed: int, plan: Plan) -> Learnt:
    """Tune, calibrate on out-of-fold scores, then fit on all rows of the lesson."""
    data, real, certain, in_campaign = (
        training_set.data,
        training_set.real,
        training_set.certain,
        training_set.in_campaign,
    )
    tuned, scores = candidate.tune(data, seed)
    calibrator = fit_calibrator(scores[certain], data.label[certain])
    if in_campaign is not None:
        known = certain & real  # nobody knows which campaign a planted account would have been in
        calibrator = with_lift(calibrator, scores[known], data.label[known], in_campaign[known])
    if training_set.base_rate is not None:
        calibrator = calibrator.at(training_set.base_rate)
    risk = calibrator.apply(scores[real], None if in_campaign is None else in_campaign[real])
    thresholds = _thresholds(risk, data.label[real], plan.review_rate)
    return Learnt(tuned.fit(data, seed), calibrator, thresholds, data.features, tuned.parameters())


def _judge_candidate(
    candidate: Candidate, training_set: TrainingSet, test: TestSet, as_of: datetime, seed: int, plan: Plan
) -> JudgedCandidate:
    learnt = learn(candidate, training_set, seed, plan)
    report = evaluate(
        test,
        learnt.risk,
        model=candidate.name,
        as_of=as_of,
        seed=seed,
        review_threshold=learnt.thresholds["review"],
        replicates=plan.replicates,
    )
    risk = learnt.risk(test.frame)
    return JudgedCandidate(learnt.scorer, learnt.calibrator, learnt.thresholds, report, risk, learnt.parameters)


def _thresholds(risk: Numbers, label: NDArray[np.bool_], review_rate: float) -> dict[str, float]:
    """Thresholds on out-of-fold risks: `review` flags at most `review_rate` of the others and nobody below
    the base rate.
    """
    review = max(threshold_at(label, risk, review_rate), float(label.mean()))
    return {"review": min(review, 1.0)}


def _model(ours: JudgedCandidate, features: tuple[str, ...], schema_version: str, origin: Mapping[str, str]) -> Model:
    assert isinstance(ours.scorer, Blended)
    return Model(
        booster=ours.scorer.trees.booster,
        linear=ours.scorer.linear,
        calibrator=ours.calibrator,
        features=features,
        schema_version=schema_version,
        thresholds=ours.thresholds,
        origin=origin,
    )
