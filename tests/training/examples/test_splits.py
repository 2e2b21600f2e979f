"""Splits by campaign and by account."""

import polars as pl
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from training.examples.splits import (
    BOTH_SIDES,
    FEW_CAMPAIGNS,
    NOTHING_CONFIRMED,
    Split,
    hash_fraction_expr,
    hold_out,
    split_by_account,
    split_by_campaign,
    split_without_labels,
)


def sides(split: Split) -> tuple[set[str], set[str]]:
    true = pl.col("label").fill_null(False) & pl.col("campaign").is_not_null()
    train = set(split.train.filter(true)["campaign"])
    return train, set(split.test.frame.filter(true)["campaign"])


@settings(max_examples=30, deadline=None)
@given(campaigns=st.integers(2, 9), singles=st.integers(0, 4), seed=st.integers(0, 2**32))
def test_no_campaign_and_no_account_is_on_both_sides(world, campaigns: int, singles: int, seed: int) -> None:
    examples = world(honest=60, campaigns=campaigns, size=3, singles=singles, snapshots=2)
    split = split_by_campaign(examples, seed)
    train, test = sides(split)
    assert not train & test
    assert train | test == {f"c{i}" for i in range(campaigns)}
    assert set(split.held_out) == test
    assert 1 <= len(test) <= campaigns // 2
    assert not set(split.train["account_id"]) & set(split.test.frame["account_id"])


def test_about_a_quarter_of_the_campaigns_and_accounts_is_held_out(world) -> None:
    split = split_by_campaign(world(honest=4000, campaigns=60, size=2, snapshots=1), 1)
    assert 0.15 <= len(split.held_out) / 60 <= 0.35
    assert 0.23 <= split.test.frame["label"].is_null().sum() / 4000 <= 0.27


def test_the_test_set_is_the_latest_snapshot_of_each_account(world, as_of) -> None:
    split = split_by_campaign(world(snapshots=3), 1)
    assert split.test.frame["account_id"].is_unique().all()
    assert split.test.frame["as_of"].unique().to_list() == [as_of]
    assert split.train["as_of"].n_unique() == 3


def test_a_campaign_stays_on_its_side_when_others_join(world) -> None:
    few = set(split_by_campaign(world(campaigns=12, size=2, snapshots=1), 2).held_out)
    many = set(split_by_campaign(world(campaigns=24, size=2, snapshots=1), 2).held_out)
    assert few == many & {f"c{i}" for i in range(12)}


def test_an_account_stays_on_its_side_when_others_join(world) -> None:
    few = split_by_campaign(world(honest=100, campaigns=0, singles=9, snapshots=1), 3)
    many = split_by_campaign(world(honest=300, campaigns=0, singles=9, snapshots=1), 3)
    assert set(few.test.frame["account_id"]) <= set(many.test.frame["account_id"])
    assert set(few.train["account_id"]) <= set(many.train["account_id"])


def test_the_digest_of_the_test_set_does_not_depend_on_the_order_of_rows(world) -> None:
    examples = world(honest=80, size=3)
    shuffled = examples.sample(fraction=1.0, shuffle=True, seed=5)
    splits = [split_by_campaign(rows, 2) for rows in (examples, shuffled)]
    assert splits[0].test.digest == splits[1].test.digest
    assert splits[0].train.equals(splits[1].train)


def test_of_two_campaigns_one_is_held_out(world) -> None:
    assert len(split_by_campaign(world(campaigns=2), 4).held_out) == 1


def test_a_test_set_says_how_many_of_its_honest_accounts_nobody_has_judged(world) -> None:
    test_set = split_by_campaign(world(campaigns=4), 4).test
    unknown = test_set.frame["label"].is_null().sum()
    assert unknown > 0
    assert test_set.notes[-1].startswith(f"{unknown:,} accounts without a label count as honest")


def test_one_campaign_alone_is_split_by_account_and_the_test_set_says_so(world) -> None:
    split = split_by_campaign(world(campaigns=1, size=40), 4)
    assert FEW_CAMPAIGNS in split.test.notes
    assert split.train["label"].any()
    assert 2 <= split.test.frame["label"].sum() <= 20


def test_with_one_campaign_and_single_true_accounts_the_campaign_stays_whole(world) -> None:
    split = split_by_campaign(world(campaigns=1, size=10, singles=6), 4)
    train, test = sides(split)
    assert (train, test) == ({"c0"}, set())
    assert split.test.frame["label"].any()


def test_two_single_true_accounts_go_one_to_each_side(world) -> None:
    split = split_by_campaign(world(campaigns=0, singles=2), 4)
    assert split.train.filter("label")["account_id"].n_unique() == 1
    assert split.test.frame["label"].sum() == 1


def test_fewer_than_two_true_accounts_are_refused(world) -> None:
    with pytest.raises(InputError, match="Fewer than two true accounts"):
        split_by_campaign(world(campaigns=0, singles=1), 4)


def test_leaving_out_names_the_campaigns_of_the_test_set(world) -> None:
    split = hold_out(world(campaigns=4), {"c1", "c3"}, 4)
    assert sides(split) == ({"c0", "c2"}, {"c1", "c3"})


def test_leaving_out_a_campaign_that_is_not_there_is_refused(world) -> None:
    with pytest.raises(InputError, match=r"\['nope'\] have no true account"):
        hold_out(world(campaigns=4), {"nope"}, 4)


def test_leaving_out_everything_is_refused(world) -> None:
    with pytest.raises(InputError, match="No true account is left"):
        hold_out(world(campaigns=2), {"c0", "c1"}, 4)


def test_accounts_of_all_campaigns_are_held_out_by_account_and_the_test_set_says_so(world) -> None:
    split = split_by_account(world(campaigns=4, size=30), 4)
    train, test = sides(split)
    assert train & test
    assert BOTH_SIDES in split.test.notes
    assert not set(split.train["account_id"]) & set(split.test.frame["account_id"])


def test_without_labels_a_share_of_the_accounts_is_held_out_and_nothing_can_be_judged(world) -> None:
    examples = world(honest=400, campaigns=0, snapshots=2)
    split = split_without_labels(examples, 1)
    assert NOTHING_CONFIRMED in split.test.notes
    assert 0.18 <= split.test.frame.height / 400 <= 0.32
    assert not set(split.train["account_id"]) & set(split.test.frame["account_id"])
    assert split.train.height + 2 * split.test.frame.height == examples.height
    assert split.held_out == ()
    # an account stays on its side once others are confirmed
    later = split_by_campaign(world(honest=400, campaigns=2, snapshots=2), 1).test.frame
    assert set(later.filter(pl.col("label").is_null())["account_id"]) & set(split.train["account_id"]) == set()


def test_what_is_there_for_reporting_only_is_not_learned_from(world, as_of) -> None:
    split = split_by_campaign(world().with_columns(began=pl.lit(as_of), served=pl.lit(1)), 1)
    assert not {"began", "served"} & set(split.train.columns)
    assert {"began", "served"} <= set(split.test.course.columns)


def test_a_fraction_is_the_published_hash_over_its_range() -> None:
    import polars_hash as plh

    fractions = pl.DataFrame({"a": ["acct-1", ""]}).select(hash_fraction_expr(plh.col("a"), 7)).to_series().to_list()
    assert fractions == [xxhash.xxh64_intdigest(name.encode(), 7) / 2**64 for name in ("acct-1", "")]
