"""All that a training depends on, in one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from training.baselines.single_column_rule import VOLUME_FEATURE
from training.examples.splits import Split, split_by_campaign, split_without_labels
from training.fitting.group_lifts import with_lifts
from training.fitting.plan import Plan
from training.models.candidate import Candidate


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainingRequest:
    """What a training is asked for: the examples, the features to learn from, and how to go about it.

    The same request gives the same model to the bit, whatever the order of the rows of its tables.

    Attributes:
        examples: see `training.examples.dataset`; where they name groups, these lift their members
            (`training.fitting.group_lifts`).
        features: the columns that our model learns from.
        as_of: the training time.
        seed: of the folds and the models.
        split_seed: of the sides. Every training of a provider has the same, whatever its other seed, so that accounts
            and campaigns stay on their side, and a champion is not judged on what it learned.
        schema_version: of the features; stored in the model's label.
        volume_feature: what the rival `volume_rule` ranks by.
        plan: weights, shares and settings.
        split: the training side and the test set; by default `split_by_campaign`, or `split_without_labels` where
            nothing is confirmed and campaigns are planted.
        slices: what accounts belong to (`training.examples.test_set`); reported on and never learned from.
        rivals: further candidates to be judged on the same test set.
        rival_columns: columns that the rivals learn from as well and our model does not.
        planted: planted examples (`training.examples.planted`) that our model learns from as well.
        origin: further entries of the model's label, say how campaigns were planted.
    """

    examples: pl.DataFrame
    features: Sequence[str]
    as_of: datetime
    seed: int
    schema_version: str
    split_seed: int = 0
    volume_feature: str = VOLUME_FEATURE
    plan: Plan = field(default_factory=Plan)
    split: Split | None = None
    slices: pl.DataFrame | None = None
    rivals: Sequence[Candidate] = ()
    rival_columns: Sequence[str] = ()
    planted: pl.DataFrame | None = None
    origin: Mapping[str, str] = field(default_factory=dict)

    def lift_examples(self) -> pl.DataFrame:
        """The examples with what groups add to them, where they name groups; nobody of the test set teaches it."""
        if "group" not in self.examples.columns:
            return self.examples
        teachers = self.divide(self.examples).train["account_id"].unique()
        return with_lifts(self.examples, teachers, tuple(self.features), self.plan, self.seed)

    def divide(self, unsorted: pl.DataFrame) -> Split:
        """The split of these examples that was asked for, or the default one."""
        if self.split is not None:
            return self.split
        examples, plan = unsorted.sort("account_id", "as_of"), self.plan
        if self.planted is not None and not examples["label"].fill_null(False).any():
            return split_without_labels(examples, self.split_seed, plan.account_share, self.slices)
        return split_by_campaign(examples, self.split_seed, plan.campaign_share, plan.account_share, self.slices)
