"""Fit and judge all candidates on the same frozen test set; pure, tracked elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.baselines import Candidate, LogisticRegression, Scorer, VolumeRule
from training.blend import Blend, Blended
from training.calibrate import Calibrator, fit_calibrator
from training.dataset import digest, matrix, targets, weights
from training.evaluate import Report, evaluate
from training.fit import Boosting, Learning, Settings
from training.metrics import threshold_at
from training.model import Model
from training.splits import Frozen, Split, by_campaign, folds, marks
from training.suspects import distrust, suspects

OURS = "stillwatch"
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be set for a training. `review_rate`: share of other accounts that the review threshold may
    flag.
    """

    settings: Settings = field(default_factory=Settings)
    weak: float = 0.1
    campaign_power: float = 0.5
    campaign_share: float = 0.25
    account_share: float = 0.25
    review_rate: float = 0.01
    most_folds: int = 4
    replicates: int = 300


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
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
    candidates: Mapping[str, Judged]
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
) -> Trained:
    """Split, fit, calibrate and judge ours and the rivals (`volume_rule` on `volume_feature`,
    `logistic_regression`).

    `examples` as in `training.dataset`; the same input, plan and seed give the same model to the bit,
    whatever the row order. Give `split` to judge by other held-out campaigns. Raises `InputError` if there
    are too few true accounts to learn or judge by.
    """
    plan = plan or Plan()
    ordered = examples.sort("account_id", "as_of")
    cut = split or by_campaign(ordered, seed, plan.campaign_share, plan.account_share)
    rivals: list[Candidate] = [Blend(Boosting(plan.settings)), VolumeRule(volume_feature), LogisticRegression()]
    data = learning(cut.train, features, plan, seed)
    last = _last(cut.train)
    suspect = suspects(data, cut.train["label"].is_null().to_numpy(), seed)
    trusted, everybody = distrust(data, suspect), np.ones_like(suspect)
    candidates = {}
    for candidate in rivals:
        # the rivals stay plain: they take every unlabelled account for what it seems
        ours = candidate.name == OURS
        taught, certain = (trusted, ~suspect) if ours else (data, everybody)
        candidates[candidate.name] = _judge_candidate(candidate, taught, certain, last, cut.test, as_of, seed, plan)
    digests = {"train": digest(cut.train), "test": cut.test.digest, "schema": schema_version}
    origin = {"as_of": as_of.isoformat(), "seed": str(seed), "campaigns": " ".join(marks(cut.train))}
    origin |= {f"digest_{name}": value for name, value in digests.items()}
    model = _model(candidates[OURS], tuple(features), schema_version, origin)
    counts = {
        "train_rows": cut.train.height,
        "train_accounts": int(last.sum()),
        "train_positives": int(data.label[last].sum()),
        "train_suspects": int((suspect & last).sum()),
        "test_accounts": cut.test.frame.height,
        "test_positives": candidates[OURS].report.positives,
    }
    return Trained(model, candidates, cut, as_of, seed, digests, counts)


def learning(examples: pl.DataFrame, features: Sequence[str], plan: Plan, seed: int) -> Learning:
    """What candidates learn from: features, labels, weights and folds of the examples."""
    return Learning(
        features=tuple(features),
        matrix=matrix(examples, features),
        label=targets(examples),
        weight=weights(examples, plan.weak, plan.campaign_power),
        fold=folds(examples, seed, plan.most_folds),
    )


def judge(
    model: Model, test: Frozen, *, as_of: datetime, seed: int, name: str = "champion", replicates: int = 300
) -> Report:
    """The report of a stored model on a frozen test set, say of the champion on the challenger's.

    If the model learnt from campaigns of the test set, the report says so in its notes: its figures then
    flatter.
    """
    learnt = set(marks(test.frame)) & set(model.origin.get("campaigns", "").split())
    if learnt:
        note = f"{name} learnt from {len(learnt)} of the campaigns of this test set, so its figures flatter"
        test = replace(test, notes=(*test.notes, note))
    risk = model.predict(matrix(test.frame, model.features))
    threshold = model.review_threshold
    return evaluate(test, risk, model=name, as_of=as_of, seed=seed, review_threshold=threshold, replicates=replicates)


def _last(examples: pl.DataFrame) -> NDArray[np.bool_]:
    """True for the latest snapshot of each account: what a scoring run would see, so what risks are
    calibrated on.
    """
    latest = pl.col("as_of") == pl.col("as_of").max().over("account_id")
    return examples.select(latest).to_series().to_numpy()


def _judge_candidate(
    candidate: Candidate,
    data: Learning,
    certain: NDArray[np.bool_],
    last: NDArray[np.bool_],
    test: Frozen,
    as_of: datetime,
    seed: int,
    plan: Plan,
) -> Judged:
    tuned, scores = candidate.tune(data, seed)
    calibrator = fit_calibrator(scores[last & certain], data.label[last & certain])
    thresholds = _thresholds(calibrator.apply(scores[last]), data.label[last], plan.review_rate)
    scorer = tuned.fit(data, seed)
    risk = calibrator.apply(scorer.raw(matrix(test.frame, data.features)))
    report = evaluate(
        test,
        risk,
        model=candidate.name,
        as_of=as_of,
        seed=seed,
        review_threshold=thresholds["review"],
        replicates=plan.replicates,
    )
    return Judged(scorer, calibrator, thresholds, report, risk, tuned.parameters())


def _thresholds(risk: Numbers, label: NDArray[np.bool_], review_rate: float) -> dict[str, float]:
    """Thresholds on out-of-fold risks: `review` flags at most `review_rate` of the others and nobody below
    the base rate.
    """
    review = max(threshold_at(label, risk, review_rate), float(label.mean()))
    return {"review": min(review, 1.0)}


def _model(ours: Judged, features: tuple[str, ...], schema_version: str, origin: Mapping[str, str]) -> Model:
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
