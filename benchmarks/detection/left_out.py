"""Models trained without a family, fitted in process on one world, and the family's accounts among the honest ones.

The examples are gathered once, so the features of other accounts are those of the world with the family in it; what is
left out is the family itself: its labels, or its accounts as well.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl

from benchmarks.detection.mean_estimates import FamilyRisks
from benchmarks.worlds.training_worlds import TrainingWorld
from features.catalogue import FEATURE_NAMES, SIGNS
from training.baselines import SingleColumnRule, published_rivals
from training.baselines.single_column_rule import VOLUME_FEATURE
from training.examples.dataset import DETECTOR_COLUMNS, REPORT_COLUMNS
from training.examples.planted import MARK, add_planted
from training.examples.splits import hash_fraction
from training.examples.test_set import latest
from training.fitting.candidates import FittedCandidate, fit_candidate
from training.fitting.group_lifts import with_lifts
from training.fitting.plan import Plan
from training.fitting.training_sets import TrainingSet, training_rows, training_sets
from training.models.blend import Blend, Blended
from training.models.candidate import OURS, Candidate
from training.models.fit import LIGHTGBM_DEFAULTS, Boosting
from training.models.logistic_regression import LogisticRegression
from training.models.narrow import Narrow
from training.models.search import search

LABELLED, HELD_OUT = "never labelled", "held out"
CASES = (LABELLED, HELD_OUT)
STRANGERS = 0.5  # share of the honest accounts that are held out of training too, with a family
STRANGER_SEED = 97
TRIALS = 10  # of the variant that searches


@dataclass(frozen=True)
class TrainingData:
    """What a provider's training gets: real examples, and planted ones that it may use."""

    examples: pl.DataFrame
    planted: pl.DataFrame
    seed: int
    plan: Plan = field(default_factory=Plan)

    @cached_property
    def both(self) -> tuple[TrainingSet, TrainingSet]:
        """The rivals' training set, which takes unlabelled accounts for honest, and ours."""
        return training_sets(self.examples, self.planted, FEATURE_NAMES, self.plan, self.seed)

    @cached_property
    def wide(self) -> TrainingSet:
        """The rivals' training set with the columns that the published detectors read."""
        return training_sets(self.examples, self.planted, FEATURE_NAMES, self.plan, self.seed, DETECTOR_COLUMNS)[0]

    @cached_property
    def confirmed(self) -> TrainingSet:
        """Our training set without planted campaigns."""
        return training_sets(self.examples, None, FEATURE_NAMES, self.plan, self.seed)[1]

    @cached_property
    def trusting(self) -> TrainingSet:
        """Our training set, but with no suspects among the unlabelled."""
        _, ours = self.both
        rows = training_rows(add_planted(self.examples, self.planted), FEATURE_NAMES, self.plan, self.seed)
        return replace(ours, rows=rows, calibrates=ours.is_current)

    def learn(self, candidate: Candidate, training_set: TrainingSet) -> FittedCandidate:
        """Fit and calibrate."""
        return fit_candidate(candidate, training_set, self.seed, self.plan)

    @property
    def blend(self) -> Blend:
        """Our candidate."""
        return Blend(Boosting(self.plan.settings))


Models = Mapping[str, FittedCandidate]
Trainer = Callable[[TrainingData], Models]


def ours(data: TrainingData) -> Models:
    """The model that a training would register."""
    return {OURS: data.learn(data.blend, data.both[1])}


def against_rivals(data: TrainingData) -> Models:
    """Our model, the same blind to groups (rankings only), without planting, and rivals."""
    rivals = (
        Boosting(LIGHTGBM_DEFAULTS, name="plain LightGBM"),
        LogisticRegression(),
        SingleColumnRule(VOLUME_FEATURE),
    )
    others = {rival.name: data.learn(rival, data.both[0]) for rival in rivals}
    whole = ours(data)[OURS]
    alone = without_lift(whole)
    planted = data.learn(data.blend, data.confirmed)
    return {OURS: whole, "without campaigns": alone, "without planting": planted} | others


def without_lift(model: FittedCandidate) -> FittedCandidate:
    """The model blind to groups: use it to compare rankings; its risks are not calibrated."""
    return replace(model, standing=None)


def against_literature(data: TrainingData) -> Models:
    """Ours, the published detectors, and the rivals of a training."""
    plain = (Narrow(LogisticRegression(), FEATURE_NAMES), SingleColumnRule(VOLUME_FEATURE))
    rivals = (*published_rivals(FEATURE_NAMES), *plain)
    return ours(data) | {rival.name: data.learn(rival, data.wide) for rival in rivals}


def variants(data: TrainingData) -> Models:
    """Our model with one thing changed at a time; the risks of a half alone are not calibrated."""
    whole, signed = ours(data)[OURS], replace(data.plan.settings, monotone=tuple(SIGNS.items()))
    blended = whole.scorer
    assert isinstance(blended, Blended)
    searched = search(data.both[1].rows, TRIALS, data.seed, data.plan.settings)
    return {
        OURS: whole,
        "trees alone": replace(whole, scorer=blended.trees),
        "linear model alone": replace(whole, scorer=blended.linear),
        "without planting": data.learn(data.blend, data.confirmed),
        "unlabelled taken for honest": data.learn(data.blend, data.trusting),
        "with known signs": data.learn(Blend(Boosting(signed)), data.both[1]),
        f"with a search of {TRIALS} trials": data.learn(Blend(Boosting(searched)), data.both[1]),
    }


def by_source(data: TrainingData) -> Models:
    """Our model trained on confirmed campaigns, on planted ones, and on both."""
    blank = [pl.lit(None, data.examples.schema[name]).alias(name) for name in ("label", "campaign", "labelled_at")]
    unlabelled = replace(data, examples=data.examples.with_columns(blank))
    return {
        "confirmed only": data.learn(data.blend, data.confirmed),
        "planted only": data.learn(data.blend, unlabelled.both[1]),
        "both": data.learn(data.blend, data.both[1]),
    }


def families(world: TrainingWorld) -> list[str]:
    """Families with an account to be judged."""
    seen = world.truth.join(world.examples, on="account_id", how="semi")
    return seen.filter("label")["family"].drop_nulls().unique().sort().to_list()


def sample_families(world: TrainingWorld, judged: pl.DataFrame, seed: int, count: int | None = None) -> list[str]:
    """Families both of the world and of the judged accounts (`true`, `family`); of these `count`, drawn by the seed."""
    in_judged = set(judged.filter("true")["family"])
    both = [family for family in families(world) if family in in_judged]
    return both if count is None else np.random.default_rng(seed).permutation(both)[:count].tolist()


def data_without(world: TrainingWorld, left_out: Collection[str], case: str) -> TrainingData:
    """Training data without some families: neither their labels nor campaigns planted like theirs."""
    examples = world.examples.drop(REPORT_COLUMNS, strict=False)
    away = world.truth.filter(pl.col("family").is_in(list(left_out)) & pl.col("label"))["account_id"]
    theirs = pl.col("account_id").is_in(away.implode())
    if case == HELD_OUT:
        strangers = world.truth.filter(~pl.col("label") & _is_stranger(world))["account_id"]
        examples = examples.filter(~theirs & ~pl.col("account_id").is_in(strangers.implode()))
    else:
        blank = [pl.when(~theirs).then(name).alias(name) for name in ("label", "campaign", "labelled_at")]
        examples = examples.with_columns(blank)
    if "group" in examples.columns:
        examples = with_lifts(examples, examples["account_id"].unique(), FEATURE_NAMES, Plan(), 0)
    return TrainingData(examples, world.planted.filter(~_is_planted_of(left_out)), seed=0)


def _is_stranger(world: TrainingWorld) -> pl.Series:
    """Which accounts of the truth would be strangers, if they are honest; the same for every family and model."""
    return pl.Series(hash_fraction(world.truth["account_id"], STRANGER_SEED) < STRANGERS)


def _is_planted_of(families: Collection[str]) -> pl.Expr:
    """Whether a planted campaign is of some families."""
    family = pl.col("campaign").str.strip_prefix(MARK).str.replace(r":\d+$", "")
    return family.is_in(list(families))


def judge_families(world: TrainingWorld, left_out: Collection[str], models: Models, case: str) -> list[FamilyRisks]:
    """Each family's accounts among the honest ones, each account by its latest snapshot.

    Where a family is held out, the honest ones are held out of training too: a model that memorised these very
    accounts as honest would look better than it is.
    """
    truth = world.truth.select("account_id", "family", _is_stranger(world).alias("stranger"), true="label")
    everyone = latest(world.examples)  # groups have a standing by all their members
    everyone = everyone.with_columns(pl.Series(name, model.risk(everyone)) for name, model in models.items())
    rows = everyone.join(truth, on="account_id")
    honest = ~pl.col("true") & (pl.col("stranger") if case == HELD_OUT else True)
    rows = rows.filter(honest | (pl.col("true") & pl.col("family").is_in(list(left_out))))
    true, family = rows["true"].to_numpy(), rows["family"].fill_null("").to_numpy()
    risks = {name: rows[name].to_numpy() for name in models}
    judged = []
    for name in left_out:
        here = ~true | (family == name)
        judged.append(FamilyRisks(name, true[here], {model: risk[here] for model, risk in risks.items()}))
    return judged
