"""What groups add to examples: by a plain model that has not seen the labels of those who are judged."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from features.groups.evidence import GROUP_SCHEMA
from training.examples.dataset import LIFT, lift_by_standing
from training.fitting.group_lifts import with_lifts
from training.fitting.plan import Plan


def grouped(examples: pl.DataFrame) -> pl.DataFrame:
    """All who are true are in one group; as many of the others are in another, and a tenth in a crowd."""
    number = pl.col("account_id").rank("dense") % 10
    name = (
        pl.when(pl.col("label").fill_null(False)).then(pl.lit("true"))
        .when(number == 1).then(pl.lit("other")).when(number == 2).then(pl.lit("crowd"))
    )  # fmt: skip
    marked = examples.with_columns(group=name)
    in_group = pl.col("group").is_not_null()
    return marked.with_columns(
        odds=pl.when(in_group).then(-7.0),
        closeness=pl.when(in_group).then(0.0),
        is_crowd=pl.when(in_group).then(pl.col("group") == "crowd"),
    )


@pytest.fixture
def examples(world) -> pl.DataFrame:
    return grouped(world(honest=300, campaigns=4, size=10, snapshots=2))


def lifted(examples: pl.DataFrame, teachers: pl.Series, features: tuple[str, ...]) -> pl.DataFrame:
    return with_lifts(examples, teachers, features, Plan(), 0)


def test_a_group_of_high_standing_lifts_its_members_and_a_crowd_costs_them(examples, features) -> None:
    result = lifted(examples, examples["account_id"].unique(), features)
    assert result.columns == [name for name in examples.columns if name not in GROUP_SCHEMA.names()] + [LIFT]
    means = examples.with_columns(result[LIFT]).group_by("group").agg(pl.col(LIFT).mean())
    lift = dict(means.iter_rows())
    assert lift["true"] > 2 > 0.5 > lift["other"] > 0 > lift["crowd"]
    assert lift[None] == 0


def test_the_labels_of_those_who_do_not_teach_change_nothing(examples, features) -> None:
    campaigns = examples["campaign"].drop_nulls().unique().sort()
    judged = examples.filter(pl.col("campaign") == campaigns[0])["account_id"].unique()
    teachers = examples.filter(~pl.col("account_id").is_in(judged.implode()))["account_id"].unique()
    unlabelled = examples.with_columns(
        pl.when(~pl.col("account_id").is_in(judged.implode())).then(name).alias(name)
        for name in ("label", "campaign", "labelled_at")
    )
    first, second = (lifted(frame, teachers, features) for frame in (examples, unlabelled))
    assert first[LIFT].equals(second[LIFT])


def test_the_order_of_the_rows_changes_nothing(examples, features) -> None:
    mixed = examples.sample(fraction=1.0, shuffle=True, seed=3)
    in_order = lifted(examples.sort("account_id", "as_of"), examples["account_id"].unique(), features)
    other = lifted(mixed, examples["account_id"].unique(), features).sort("account_id", "as_of")
    assert np.allclose(in_order.sort("account_id", "as_of")[LIFT], other[LIFT], atol=1e-6)


def test_without_a_confirmed_account_a_group_has_a_mean_standing(examples, features) -> None:
    nobody = examples.with_columns(pl.lit(None, examples.schema[name]).alias(name) for name in ("label", "campaign"))
    result = lifted(nobody, nobody["account_id"].unique(), features)
    assert result[LIFT].to_numpy() == pytest.approx(lift_by_standing(examples, np.full(len(examples), 0.5)))


def test_groups_of_the_same_name_at_two_times_are_two(examples) -> None:
    times = examples["as_of"].unique().sort()
    rows = examples.filter(pl.col("group") == "true")
    standing = np.where(rows["as_of"] == times[0], 0.1, 0.99)
    lift = lift_by_standing(rows, standing)
    assert lift[standing > 0.5].min() > lift[standing < 0.5].max()
    assert datetime(2020, 1, 1, tzinfo=UTC) < times[0]
