"""Agreement of groups with true campaigns, worked out by hand."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from benchmarks.campaigns.grouping import ORGANISATION, TOGETHER, belonging, large, measure_agreement
from benchmarks.campaigns.rival_groupers import GROUPERS, GroupingInput
from features.groups.grouping import group_accounts
from features.groups.links import weigh_pairs


def test_groups_that_are_the_campaigns_agree_fully() -> None:
    same = measure_agreement([{1, 2, 3}, {4, 5}], [{4, 5}, {1, 2, 3}])
    assert (same.precision, same.recall, same.f1, same.jaccard, same.members_found) == pytest.approx((1, 1, 1, 1, 1))
    assert (same.honest_groups, same.groups) == (0, 2)


def test_a_half_found_campaign_and_an_honest_group_cost_what_they_should() -> None:
    half = measure_agreement([{1, 2}, {7, 8, 9}], [{1, 2, 3, 4}])
    assert half.precision == pytest.approx(1 / 4)  # of four pairs one is true
    assert half.recall == pytest.approx(1 / 6)
    assert (half.jaccard, half.members_found) == pytest.approx((2 / 4, 2 / 4))
    assert (half.honest_groups, half.groups) == (1, 2)


def test_honest_accounts_that_belong_together_are_accused_where_a_group_holds_half_of_them() -> None:
    accusing = measure_agreement([{1, 2, 3}, {8, 9}], [{8, 9}], [[{1, 2, 4, 5}, {3, 6}], [{10, 11}]], 20)
    assert accusing.accused == ((1, 2), (0, 1))
    assert accusing.blamed == (3, 20)


def test_honest_accounts_belong_together_by_organisation_else_instrument_else_address() -> None:
    rows = [
        ("a", "o", "p", None),
        ("b", "o", None, "s"),
        ("c", None, "p", "s"),
        ("d", None, "p", None),
        ("e",) + (None,) * 3,
    ]
    honest = pl.DataFrame(rows, ["account_id", ORGANISATION, *TOGETHER], orient="row")
    assert belonging(honest.with_row_index("account")) == [[{0, 1}], [{2, 3}]]


def test_pairs_are_counted_once_however_many_groups_hold_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.campaigns.grouping._ROWS", 7)
    rng = np.random.default_rng(3)
    groups, true = ([set(rng.choice(40, 9).tolist()) for _ in range(6)] for _ in range(2))
    grouped, meant = (
        {pair for members in sets for pair in combinations(sorted(members), 2)} for sets in (groups, true)
    )
    estimates = measure_agreement(groups, true)
    assert estimates.precision == pytest.approx(len(grouped & meant) / len(grouped))
    assert estimates.recall == pytest.approx(len(grouped & meant) / len(meant))


def test_where_nothing_is_reported_nothing_is_found() -> None:
    nothing = measure_agreement([], [{1, 2}])
    assert (nothing.precision, nothing.recall, nothing.f1, nothing.members_found, nothing.groups) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("name", GROUPERS)
def test_every_rival_finds_a_group_that_shares_all_and_others_nothing(name: str) -> None:
    some = range(10, 30)
    columns = {"account": pl.UInt32, "kind": pl.Int8, "key": pl.Int64, "share": pl.Float64}
    pairs = pl.DataFrame([(i, 0, 5 + k, 0.5) for i in some for k in range(3)], schema=columns, orient="row")
    sent = {"account": pl.UInt32, "key": pl.Int64, "slot": pl.Int64}
    actions = pl.DataFrame([(i, 5, slot) for i in some for slot in range(9)], schema=sent, orient="row")
    assert GROUPERS[name](GroupingInput(100, pairs, actions)) == [set(some)]


def test_the_campaigns_of_the_world_for_the_scale_run_are_found() -> None:
    accounts, pairs = large(10_000)
    groups = group_accounts(weigh_pairs(accounts, pairs))
    campaigns = groups.restrict(groups.groups.filter(pl.col("surprise") >= 9)["group"])
    assert len(campaigns.groups) == 2
    assert campaigns.members.group_by("group").len()["len"].min() >= 54  # of 60; some bring their households along
