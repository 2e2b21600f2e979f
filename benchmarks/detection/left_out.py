"""Models that never saw a family, fitted in process on one world, and the family's accounts among the honest ones.

The examples are gathered once, so the features of other accounts are those of the world with the family in it; what is
left out is the family itself: its labels, or its accounts as well.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl

from benchmarks.detection.mean_estimates import FamilyRisks
from benchmarks.worlds.training_worlds import World
from features.catalogue import FEATURE_NAMES, SIGNS
from pipelines.models.train import VOLUME_FEATURE
from training.baselines import VolumeRule, published_rivals
from training.examples.dataset import DETECTOR_COLUMNS, REPORT_COLUMNS
from training.examples.planted import MARK, add_planted
from training.examples.splits import hash_fraction
from training.examples.test_set import latest
from training.fitting.candidates import FittedCandidate, fit_candidate
from training.fitting.plan import Plan
from training.fitting.train import OURS
from training.fitting.training_sets import TrainingSet, training_rows, training_sets
from training.models.blend import Blend, Blended
from training.models.candidate import Candidate
from training.models.fit import LIGHTGBM_DEFAULTS, Boosting
from training.models.logistic_regression import LogisticRegression
from training.models.narrow import Narrow
from training.models.search import search

LABELLED, SEEN = "never labelled", "never seen"
CASES = (LABELLED, SEEN)
STRANGERS = 0.5  # share of the honest accounts that training does not have either where a family was never seen
STRANGER_SEED = 97
TRIALS = 10  # of the variant that searches


@dataclass(frozen=True)
class Taught:
    """What a provider's training gets: real examples, and planted ones that it may take."""

    examples: pl.DataFrame
    planted: pl.DataFrame
    seed: int
    plan: Plan = field(default_factory=Plan)

    @cached_property
    def both(self) -> tuple[TrainingSet, TrainingSet]:
        """The rivals' lesson, who take unlabelled accounts for what they seem, and ours."""
        return training_sets(self.examples, self.planted, FEATURE_NAMES, self.plan, self.seed)

    @cached_property
    def wide(self) -> TrainingSet:
        """The rivals' lesson with what the published detectors read."""
        return training_sets(self.examples, self.planted, FEATURE_NAMES, self.plan, self.seed, DETECTOR_COLUMNS)[0]

    @cached_property
    def confirmed(self) -> TrainingSet:
        """Ours without planted campaigns."""
        return training_sets(self.examples, None, FEATURE_NAMES, self.plan, self.seed)[1]

    @cached_property
    def trusting(self) -> TrainingSet:
        """Ours, but with no suspects among the unlabelled."""
        _, ours = self.both
        rows = training_rows(add_planted(self.examples, self.planted), FEATURE_NAMES, self.plan, self.seed)
        return replace(ours, rows=rows, calibrates=ours.is_current)

    def learn(self, candidate: Candidate, training_set: TrainingSet) -> FittedCandidate:
        """Fit and calibrate."""
        return fit_candidate(candidate, training_set, self.seed, self.plan.review_rate)

    @property
    def blend(self) -> Blend:
        """Our candidate."""
        return Blend(Boosting(self.plan.settings))


Fitted = Mapping[str, FittedCandidate]
Models = Callable[[Taught], Fitted]


def ours(taught: Taught) -> Fitted:
    """The model that a training would ship."""
    return {OURS: taught.learn(taught.blend, taught.both[1])}


def against_rivals(taught: Taught) -> Fitted:
    """Ours with and without planting, ours where nobody is in a campaign (its risks rank and no more), and rivals."""
    rivals = (Boosting(LIGHTGBM_DEFAULTS, name="plain LightGBM"), LogisticRegression(), VolumeRule(VOLUME_FEATURE))
    others = {rival.name: taught.learn(rival, taught.both[0]) for rival in rivals}
    whole = ours(taught)[OURS]
    alone = replace(whole, calibrator=replace(whole.calibrator, lift=0.0))
    planted = taught.learn(taught.blend, taught.confirmed)
    return {OURS: whole, "without campaigns": alone, "without planting": planted} | others


def against_literature(taught: Taught) -> Fitted:
    """Ours, the published detectors, and the rivals of a training."""
    plain = (Narrow(LogisticRegression(), FEATURE_NAMES), VolumeRule(VOLUME_FEATURE))
    rivals = (*published_rivals(FEATURE_NAMES), *plain)
    return ours(taught) | {rival.name: taught.learn(rival, taught.wide) for rival in rivals}


def variants(taught: Taught) -> Fitted:
    """Ours with one thing changed at a time; where only a half is left, its risks rank and no more."""
    whole, signed = ours(taught)[OURS], replace(taught.plan.settings, monotone=tuple(SIGNS.items()))
    blended = whole.scorer
    assert isinstance(blended, Blended)
    found = search(taught.both[1].rows, TRIALS, taught.seed, taught.plan.settings)
    return {
        OURS: whole,
        "trees alone": replace(whole, scorer=blended.trees),
        "linear model alone": replace(whole, scorer=blended.linear),
        "without planting": taught.learn(taught.blend, taught.confirmed),
        "unlabelled taken for honest": taught.learn(taught.blend, taught.trusting),
        "with known signs": taught.learn(Blend(Boosting(signed)), taught.both[1]),
        f"with a search of {TRIALS} trials": taught.learn(Blend(Boosting(found)), taught.both[1]),
    }


def by_source(taught: Taught) -> Fitted:
    """Ours from confirmed campaigns, from planted ones, and from both."""
    blank = [pl.lit(None, taught.examples.schema[name]).alias(name) for name in ("label", "campaign", "labelled_at")]
    unlabelled = replace(taught, examples=taught.examples.with_columns(blank))
    return {
        "confirmed only": taught.learn(taught.blend, taught.confirmed),
        "planted only": taught.learn(taught.blend, unlabelled.both[1]),
        "both": taught.learn(taught.blend, taught.both[1]),
    }


def families(world: World) -> list[str]:
    """Families with an account to be judged."""
    seen = world.truth.join(world.examples, on="account_id", how="semi")
    return seen.filter("label")["family"].drop_nulls().unique().sort().to_list()


def drawn(world: World, judged: pl.DataFrame, seed: int, count: int | None = None) -> list[str]:
    """Families that the world knows and the judged accounts (`true`, `family`) hold; of these so many, by the seed."""
    known = set(judged.filter("true")["family"])
    both = [family for family in families(world) if family in known]
    return both if count is None else np.random.default_rng(seed).permutation(both)[:count].tolist()


def without(world: World, left_out: Collection[str], case: str) -> Taught:
    """What is known where some families are not: neither by their labels nor by planting."""
    examples = world.examples.drop(REPORT_COLUMNS, strict=False)
    away = world.truth.filter(pl.col("family").is_in(list(left_out)) & pl.col("label"))["account_id"]
    theirs = pl.col("account_id").is_in(away.implode())
    if case == SEEN:
        strangers = world.truth.filter(~pl.col("label") & _is_stranger(world))["account_id"]
        known = examples.filter(~theirs & ~pl.col("account_id").is_in(strangers.implode()))
    else:
        blank = [pl.when(~theirs).then(name).alias(name) for name in ("label", "campaign", "labelled_at")]
        known = examples.with_columns(blank)
    sown = world.planted.filter(~_of(left_out))
    return Taught(known, sown, 0)


def _is_stranger(world: World) -> pl.Series:
    """Which accounts of the truth would be strangers, if they are honest; the same for every family and model."""
    return pl.Series(hash_fraction(world.truth["account_id"], STRANGER_SEED) < STRANGERS)


def _of(planted: Collection[str]) -> pl.Expr:
    """Planted campaigns of some families."""
    family = pl.col("campaign").str.strip_prefix(MARK).str.replace(r":\d+$", "")
    return family.is_in(list(planted))


def judged(world: World, left_out: Collection[str], models: Fitted, case: str) -> list[FamilyRisks]:
    """Each family's accounts among the honest ones, each account by its latest snapshot.

    Where a family was never seen, the honest ones are strangers too: a model that has learnt by heart that these very
    accounts are honest would be flattered by every other account.
    """
    truth = world.truth.select("account_id", "family", _is_stranger(world).alias("stranger"), true="label")
    rows = latest(world.examples).join(truth, on="account_id")
    honest = ~pl.col("true") & (pl.col("stranger") if case == SEEN else True)
    rows = rows.filter(honest | (pl.col("true") & pl.col("family").is_in(list(left_out))))
    true, family = rows["true"].to_numpy(), rows["family"].fill_null("").to_numpy()
    risks = {name: model.risk(rows) for name, model in models.items()}
    found = []
    for one in left_out:
        here = ~true | (family == one)
        found.append(FamilyRisks(one, true[here], {name: risk[here] for name, risk in risks.items()}))
    return found
