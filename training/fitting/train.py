"""Fit our model and its rivals, and judge all of them on the same test set. Nothing is stored here."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl
from threadpoolctl import threadpool_limits

from training.baselines import SingleColumnRule
from training.evaluation.report import Report
from training.examples.dataset import REPORT_COLUMNS, digest
from training.examples.splits import Split, campaign_digests
from training.fitting.candidates import FittedCandidate, fit_candidate, judge_candidate
from training.fitting.candidates import JudgedCandidate as JudgedCandidate
from training.fitting.plan import Plan as Plan
from training.fitting.request import TrainingRequest as TrainingRequest
from training.fitting.training_sets import TrainingSet, training_sets
from training.models.blend import Blend, Blended
from training.models.candidate import OURS, Candidate
from training.models.fit import Boosting
from training.models.logistic_regression import LogisticRegression
from training.models.model import Model
from training.models.narrow import Narrow
from training.models.search import search


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trained:
    """The result of a training.

    Attributes:
        model: ours, as it was judged: it knows nobody of the test set.
        final: ours, fitted again on all accounts; what is stored and served. Where a split was asked for, the same.
        candidates: ours and all rivals by name, ours first.
        split: the training side, and the test set that all were judged on.
        as_of: the training time.
        seed: the seed.
        digests: SHA-256 of the tables, by name, and the schema version.
        counts: rows and accounts that were learned from and judged on.
    """

    model: Model
    final: Model
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


def train(request: TrainingRequest) -> Trained:
    """Split the examples, then fit, calibrate and judge our model and its rivals; then fit ours again on all of them.

    `volume_rule` and `logistic_regression` are always among the rivals. Where no account is confirmed, all candidates
    learn from the planted ones and nothing can be judged.

    Raises:
        InputError: too few true accounts to learn from or to judge by.
    """
    # On small matrices BLAS threads mostly wait for one another, and their number would change the last bits.
    with threadpool_limits(1, user_api="blas"):
        return _train(request)


def _train(request: TrainingRequest) -> Trained:
    plan, lifted = request.plan, request.lift_examples()
    split = request.divide(lifted)
    for_rivals, for_ours = training_sets(
        split.train, request.planted, request.features, plan, request.seed, request.rival_columns
    )
    settings = search(for_ours.rows, plan.search_trials, request.seed, plan.settings)
    candidates = {}
    for candidate in (Blend(Boosting(settings)), *_plain_rivals(request), *request.rivals):
        training_set = for_ours if candidate.name == OURS else for_rivals
        candidates[candidate.name] = judge_candidate(candidate, training_set, split.test, request)
    digests = _digests(request, split)
    model = _model(candidates[OURS].fitted, request, _origin(request, split, digests))
    return Trained(
        model=model,
        final=model if request.split is not None else _fit_again(request, lifted, candidates[OURS], model.origin),
        candidates=candidates,
        split=split,
        as_of=request.as_of,
        seed=request.seed,
        digests=digests,
        counts=_counts(request, split, for_ours),
    )


def _plain_rivals(request: TrainingRequest) -> tuple[Candidate, ...]:
    return SingleColumnRule(request.volume_feature), Narrow(LogisticRegression(), tuple(request.features))


def _digests(request: TrainingRequest, split: Split) -> dict[str, str]:
    digests = {"train": digest(split.train), "test": split.test.digest, "schema": request.schema_version}
    return digests if request.planted is None else digests | {"planted": digest(request.planted)}


def _origin(request: TrainingRequest, split: Split, digests: Mapping[str, str]) -> dict[str, str]:
    """What the model's label says about where the model comes from."""
    return {
        "as_of": request.as_of.isoformat(),
        "seed": str(request.seed),
        "campaigns": " ".join(campaign_digests(split.train)),
        "plan": json.dumps(asdict(request.plan), sort_keys=True),
        **{f"digest_{name}": value for name, value in digests.items()},
        **request.origin,
    }


def _counts(request: TrainingRequest, split: Split, for_ours: TrainingSet) -> dict[str, int]:
    test = split.test.frame
    return {
        "train_rows": split.train.height,
        "train_accounts": split.train["account_id"].n_unique(),
        "train_positives": split.train.filter("label")["account_id"].n_unique(),
        "train_suspects": for_ours.suspect_accounts,
        "train_planted": 0 if request.planted is None else request.planted["account_id"].n_unique(),
        "test_accounts": test.height,
        "test_positives": test.filter(pl.col("label")).height,
    }


def _fit_again(
    request: TrainingRequest, lifted: pl.DataFrame, judged: JudgedCandidate, origin: Mapping[str, str]
) -> Model:
    """Fit our model on both sides of the split together: few campaigns are confirmed, and each of them tells much."""
    examples = lifted.drop(REPORT_COLUMNS, strict=False).sort("account_id", "as_of")
    _, for_ours = training_sets(examples, request.planted, request.features, request.plan, request.seed)
    tuned = judged.fitted.tuned
    assert isinstance(tuned, Blend)
    fitted = fit_candidate(tuned.settled(), for_ours, request.seed, request.plan)
    everything = {"campaigns": " ".join(campaign_digests(examples)), "digest_all": digest(examples)}
    return _model(fitted, request, dict(origin) | everything)


def _model(ours: FittedCandidate, request: TrainingRequest, origin: Mapping[str, str]) -> Model:
    scorer = ours.scorer
    assert isinstance(scorer, Blended) and ours.standing is not None and ours.reference is not None
    return Model(
        booster=scorer.trees.booster,
        linear=scorer.linear,
        standing=ours.standing,
        calibrator=ours.calibrator,
        reference=ours.reference,
        features=tuple(request.features),
        schema_version=request.schema_version,
        thresholds=ours.thresholds,
        origin=origin,
    )
