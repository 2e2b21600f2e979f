"""Figures of slices of a test set."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from training.evaluation.intervals import draw
from training.evaluation.metrics import recall_name, threshold_at
from training.evaluation.slices import Slice, campaigns_of, estimate_slices, false_positive_name, recall_campaigns
from training.examples.dataset import targets
from training.examples.test_set import BUCKETS, TestSet, make_test_set

WIDE, STRICT = 0.01, 0.001


def judged(test: TestSet, risk: np.ndarray, replicates: int = 20) -> dict[tuple[str, str], Slice]:
    label = targets(test.frame)
    codes = campaigns_of(test.frame)[1]
    got = estimate_slices(test, label, risk, codes, draw(label, codes, replicates, 1))
    return {(test_slice.kind, test_slice.name): test_slice for test_slice in got}


@pytest.fixture(scope="module")
def whole(world, slices_of) -> TestSet:
    examples = world(honest=1200, campaigns=4, size=20, snapshots=1)
    return make_test_set(examples, "some", (), slices_of(examples))


@pytest.fixture(scope="module")
def risk(whole: TestSet) -> np.ndarray:
    return whole.frame["template_share"].to_numpy().astype(float)


@settings(max_examples=25, deadline=None)
@given(honest=st.integers(1, 60), campaigns=st.integers(0, 4), size=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_the_counts_of_the_groups_of_a_kind_add_up(
    world, slices_of, honest: int, campaigns: int, size: int, seed: int
) -> None:
    examples = world(honest=honest, campaigns=campaigns, size=size, seed=seed, snapshots=1)
    test = make_test_set(examples, "some", (), slices_of(examples))
    got = judged(test, test.frame["noise_a"].to_numpy().astype(float), 2)
    for kind in ("cohort", "plan", "country", "requests"):
        mine = [test_slice for (of, _), test_slice in got.items() if of == kind]
        assert sum(test_slice.accounts for test_slice in mine) == test.frame.height
        assert sum(test_slice.positives for test_slice in mine) == campaigns * size
    families = [family for (kind, _), family in got.items() if kind == "family"]
    assert sum(family.accounts for family in families) == campaigns * size
    assert sum(family.positives for family in families) == campaigns * size


@pytest.mark.parametrize("rate", [WIDE, STRICT])
def test_groups_are_judged_at_the_threshold_of_the_whole_set(whole: TestSet, risk: np.ndarray, rate: float) -> None:
    label = targets(whole.frame)
    taken = risk >= threshold_at(label, risk, rate)
    for (kind, name), test_slice in judged(whole, risk).items():
        members = whole.slices.filter((pl.col("kind") == kind) & (pl.col("name") == name))["account_id"]
        inside = whole.frame["account_id"].is_in(members.implode()).to_numpy()
        recall = test_slice.estimate(recall_name(rate))
        assert recall.value == pytest.approx(taken[inside & label].mean())
        assert recall.low <= recall.value <= recall.high
        if kind != "family":
            assert test_slice.estimate(false_positive_name(rate)).value == pytest.approx(taken[inside & ~label].mean())


def test_the_area_of_a_group_is_that_of_scikit_learn(whole: TestSet, risk: np.ndarray) -> None:
    label, got = targets(whole.frame), judged(whole, risk)
    for kind, name in (("plan", "free"), ("family", "family 1")):
        members = whole.slices.filter((pl.col("kind") == kind) & (pl.col("name") == name))["account_id"]
        inside = whole.frame["account_id"].is_in(members.implode()).to_numpy()
        # a family is looked for among all honest accounts
        rows = inside | (~label if kind == "family" else False)
        assert got[kind, name].estimate("pr_auc").value == pytest.approx(
            average_precision_score(label[rows], risk[rows])
        )


def test_a_family_has_no_false_positives(whole: TestSet, risk: np.ndarray) -> None:
    got = judged(whole, risk)["family", "family 0"]
    assert [estimate.name for estimate in got.estimates] == [recall_name(WIDE), recall_name(STRICT), "pr_auc"]
    with pytest.raises(KeyError, match="false_positive_rate"):
        got.estimate(false_positive_name(WIDE))


def test_small_groups_say_so(world, slices_of) -> None:
    examples = world(honest=150, campaigns=1, size=9, snapshots=1)
    test = make_test_set(examples, "some", (), slices_of(examples))
    few = test.slices.with_columns(
        name=pl.when(pl.col("account_id") == "acct-00140").then(pl.lit("x")).otherwise("name")
    )
    got = judged(make_test_set(examples, "some", (), few), test.frame["noise_a"].to_numpy().astype(float), 2)
    assert got["family", "family 0"].estimate(recall_name(WIDE)).note == "needs 10 true accounts, there are 9"
    alone = got["plan", "x"]
    assert alone.estimate(false_positive_name(WIDE)).note == "needs 10 accounts that are not true, there are 1"
    assert alone.estimate("pr_auc").value is None
    strict = got["plan", "free"].estimate(false_positive_name(STRICT))
    assert strict.note == "needs 1,000 accounts that are not true, there are 150"


def test_a_family_of_one_campaign_is_noted(world, slices_of) -> None:
    examples = world(honest=150, campaigns=3, size=12, snapshots=1)
    test = make_test_set(examples, "some", (), slices_of(examples))
    got = judged(test, test.frame["template_share"].to_numpy().astype(float))
    assert got["family", "family 1"].estimate("pr_auc").note.startswith("one campaign")
    assert got["family", "family 0"].estimate("pr_auc").note == ""


def test_groups_come_in_one_order_and_request_counts_by_size(world) -> None:
    examples = world(honest=40, campaigns=1, size=2, snapshots=1)
    names = [*BUCKETS[::-1], "unheard of"]
    accounts = examples["account_id"]
    slices = [
        pl.DataFrame({"account_id": accounts, "kind": "requests", "name": [names[i % 6] for i in range(42)]}),
        pl.DataFrame({"account_id": accounts, "kind": "cohort", "name": [f"c{i % 2}" for i in range(42)]}),
    ]
    test = make_test_set(examples, "some", (), pl.concat(slices))
    got = judged(test, test.frame["noise_a"].to_numpy().astype(float), 2)
    assert list(got) == [("cohort", "c0"), ("cohort", "c1"), *(("requests", name) for name in (*BUCKETS, "unheard of"))]


def test_an_account_of_two_families_counts_in_both(world) -> None:
    examples = world(honest=120, campaigns=1, size=12, snapshots=1)
    true = examples.filter("label")["account_id"]
    both = [pl.DataFrame({"account_id": true, "kind": "family", "name": name}) for name in ("a", "b")]
    test = make_test_set(examples, "some", (), pl.concat(both))
    got = judged(test, test.frame["template_share"].to_numpy().astype(float))
    assert got["family", "a"].estimates == got["family", "b"].estimates
    assert got["family", "a"].accounts == 12


def test_a_set_without_groups_has_none(world) -> None:
    test = make_test_set(world(honest=40, campaigns=1, size=2, snapshots=1), "some")
    assert judged(test, np.zeros(42)) == {}


def test_how_much_of_each_campaign_is_found_is_told_at_one_percent(whole: TestSet, risk: np.ndarray) -> None:
    label = targets(whole.frame)
    names, codes = campaigns_of(whole.frame)
    assert names == ["c0", "c1", "c2", "c3"]
    assert set(codes[~label]) == {-1}
    taken = risk >= threshold_at(label, risk, WIDE)
    for i, campaign in enumerate(recall_campaigns(label, risk, names, codes)):
        assert (campaign.name, campaign.accounts) == (names[i], 20)
        assert campaign.recall.value == pytest.approx(taken[codes == i].mean())
