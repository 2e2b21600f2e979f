"""Groups: planted ones are found, honest look-alikes stay out, and order changes nothing."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.groups.grouping import LEAST_MEMBERSHIP, Groups, group_accounts
from features.groups.link_kinds import LINK_KINDS
from features.groups.links import Links, weigh_pairs

KIND = {kind.name: code for code, kind in enumerate(LINK_KINDS)}
HONEST = 1_500
Row = tuple[int, int, int, float, bool]


class Graph:
    """Accounts and what they show, hand-made: honest ones that share stock phrases of all ages, and planted groups."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows: list[Row] = []
        self.customers: list[int] = []
        self.honest = self.people(HONEST)

    def people(self, count: int, customer: int | None = None) -> list[int]:
        """New accounts, each a customer of its own unless told; each shows some of 60 stock phrases."""
        first = len(self.customers)
        self.customers += [first + i if customer is None else customer for i in range(count)]
        for account in range(first, first + count):
            phrases = np.unique((60 * self.rng.random(4) ** 3).astype(int)).tolist()
            young = bool(self.rng.random() < 0.15)
            self.rows += [(account, KIND["prefix"], phrase, 0.04, young) for phrase in phrases]
            self.rows.append((account, KIND["payment"], 10**6 + account, 1.0, young))
        return list(range(first, first + count))

    def show(self, accounts: list[int], kind: str, key: int, share: float, new: bool) -> None:
        self.rows += [(account, KIND[kind], key, share, new) for account in accounts]

    def links(self, order: int | None = None) -> Links:
        count = len(self.customers)
        accounts = pl.DataFrame({"account_id": [f"a{i:05d}" for i in range(count)], "customer": self.customers})
        schema = {"account": pl.UInt32, "kind": pl.Int8, "key": pl.Int64, "share": pl.Float64, "new": pl.Boolean}
        pairs = pl.DataFrame(self.rows, schema=schema, orient="row").unique(["account", "kind", "key"], keep="last")
        if order is not None:
            pairs = pairs.sample(fraction=1.0, shuffle=True, seed=order)
        registered = accounts.with_columns(created_at=pl.lit(None, pl.Datetime("us", "UTC")), young=pl.lit(False))
        return weigh_pairs(registered, pairs)


def campaign(graph: Graph, size: int, template: int, share: float = 0.5) -> list[int]:
    accounts = graph.people(size)
    graph.show(accounts, "prefix", template, share, True)
    graph.show(accounts, "suffix", template, share, True)
    return accounts


def surprising(groups: Groups) -> Groups:
    """The groups that chance does not explain."""
    return groups.restrict(groups.groups.filter(pl.col("surprise") >= 9)["group"])


def sets(groups: Groups) -> list[set[int]]:
    return [set(members["account"]) for _, members in surprising(groups).members.group_by("group")]


def test_two_campaigns_are_found_whole_and_apart() -> None:
    graph = Graph()
    large, small = campaign(graph, 30, 2000), campaign(graph, 12, 3000)
    assert sorted(sets(group_accounts(graph.links())), key=len) == [set(small), set(large)]


def test_wordings_that_the_same_accounts_rotate_are_one_campaign() -> None:
    graph = Graph()
    accounts = graph.people(25)
    for wording in range(12):
        graph.show(accounts, "prefix", 2000 + wording, 0.04, True)
    assert sets(group_accounts(graph.links())) == [set(accounts)]


def test_a_shared_instrument_joins_what_different_wordings_part() -> None:
    graph = Graph()
    accounts = graph.people(24)
    for wording in range(2):
        graph.show(accounts[wording::2], "prefix", 2000 + wording, 0.3, True)
    graph.show(accounts, "payment", 55, 1.0, True)
    assert sets(group_accounts(graph.links())) == [set(accounts)]


def test_a_campaign_that_shows_most_of_what_ties_anybody_and_rotates_wordings_is_found_whole() -> None:
    graph = Graph()
    accounts = graph.people(600)
    rng = np.random.default_rng(1)
    for account in accounts:
        for wording in rng.choice(12, 6, replace=False).tolist():
            graph.show([account], "prefix", 2000 + wording, 0.15, True)
    assert sets(group_accounts(graph.links())) == [set(accounts)]


def test_a_group_that_shows_little_is_a_campaign_if_hardly_anybody_shows_as_much() -> None:
    graph = Graph()
    accounts = graph.people(30)
    graph.show(accounts, "prefix", 2000, 0.13, True)
    links = graph.links()
    assert sets(group_accounts(links)) == [set(accounts)]
    tie = links.keys.filter(key=2000)["tie"].item()
    assert 0.05 < 0.13 * tie < 0.1, "of the two levels only the lower one sees it"


def test_a_pool_that_serves_two_operators_is_in_both_groups_by_its_shares() -> None:
    graph = Graph()
    first, both, second = graph.people(30), graph.people(6), graph.people(30)
    for accounts, template in ((first, 2000), (second, 3000)):
        for part in ("prefix", "suffix"):
            graph.show(accounts, part, template, 0.6, True)
            graph.show(both, part, template, 0.3, True)
    members = surprising(group_accounts(graph.links())).members
    memberships = members.filter(pl.col("account").is_in(both))
    assert memberships.group_by("account").len()["len"].to_list() == [2] * len(both)
    assert memberships["membership"].to_list() == pytest.approx([0.5] * 2 * len(both), abs=0.1)
    assert sorted(map(len, sets(group_accounts(graph.links())))) == [36, 36]


def test_a_template_with_sharers_of_all_ages_ties_its_users_half_as_much_as_one_that_is_new_to_them() -> None:
    strengths = []
    for every in (7, 1):
        graph = Graph()
        users = graph.people(200)  # of a kit whose prompt all of them carry
        for account in users:
            graph.show([account], "system", 2000, 0.9, account % every == 0)
        groups = surprising(group_accounts(graph.links()))
        assert sets(groups) == [set(users)]
        strengths.append(groups.members["strength"].median())
    assert strengths[0] == pytest.approx(strengths[1] / 2, rel=0.05)


def test_a_template_that_nearly_everybody_carries_makes_no_campaign() -> None:
    graph = Graph()
    for account in graph.honest:
        graph.show([account], "system", 2000, 0.9, account % 7 == 0)
    accounts = campaign(graph, 30, 3000)
    assert sets(group_accounts(graph.links())) == [set(accounts)]


@pytest.mark.parametrize("seats", [10, 50])
def test_classes_with_one_new_exercise_and_enterprises_with_a_campaigns_template_are_believed(seats: int) -> None:
    graph = Graph()
    for training_set in range(12):
        graph.show(graph.people(seats, customer=10**6 + training_set), "prefix", 2000, 0.5, True)
    accounts = campaign(graph, 30, 3000)
    for part in ("prefix", "suffix"):
        graph.show(graph.people(seats, customer=10**7), part, 3000, 0.5, True)
    assert sets(group_accounts(graph.links())) == [set(accounts)]


def test_the_few_accounts_of_a_small_customer_are_in_the_campaign_that_they_take_part_in() -> None:
    graph = Graph()
    accounts, office = campaign(graph, 30, 3000), graph.people(3, customer=10**6)
    for part in ("prefix", "suffix"):
        graph.show(office, part, 3000, 0.5, True)
    assert sets(group_accounts(graph.links())) == [{*accounts, *office}]


def test_a_class_and_an_enterprise_are_one_customer_each_and_no_campaign() -> None:
    graph = Graph()
    for number, size in enumerate((30, 200)):
        seats = graph.people(size, customer=10**6 + number)
        for kind in ("subnet", "address", "payment", "prefix"):
            graph.show(seats, kind, 5000 + number, 0.8, True)
    assert sets(group_accounts(graph.links())) == []


def test_households_and_hobbyists_are_no_campaigns_however_many_there_are() -> None:
    graph = Graph()
    for home in range(80):
        accounts = graph.people(2 + home % 3)
        for kind in ("address", "subnet", "payment", "signup_address"):
            graph.show(accounts, kind, 7000 + home, 1.0, home % 2 == 0)
    assert sets(group_accounts(graph.links())) == []


@pytest.mark.parametrize("kind", [kind.name for kind in LINK_KINDS if kind.supports])
def test_what_only_supports_makes_no_campaign_by_itself_but_joins_what_wordings_part(kind: str) -> None:
    wave = Graph()
    wave.show(wave.people(80), kind, 8000, 1.0, True)
    assert sets(group_accounts(wave.links())) == []
    graph = Graph()
    first, second = campaign(graph, 14, 2000, 0.2), campaign(graph, 14, 3000, 0.2)
    apart = surprising(group_accounts(graph.links())).groups["surprise"].sum()
    graph.show([*first, *second], kind, 8000, 1.0, True)
    campaigns = surprising(group_accounts(graph.links()))
    assert set().union(*sets(campaigns)) == {*first, *second}
    assert campaigns.groups["surprise"].sum() > apart


def test_a_farm_that_shares_instruments_but_no_template_is_found() -> None:
    graph = Graph()
    farm = graph.people(20)
    graph.show(farm, "payment", 77, 1.0, True)
    graph.show(farm, "subnet", 77, 0.7, True)
    assert sets(group_accounts(graph.links())) == [set(farm)]


def test_an_honest_account_that_once_sent_the_template_is_left_out() -> None:
    graph = Graph()
    accounts = campaign(graph, 30, 2000)
    graph.show(graph.honest[:3], "prefix", 2000, 0.01, True)
    assert sets(group_accounts(graph.links())) == [set(accounts)]


@settings(max_examples=5, deadline=None)
@given(order=st.integers(0, 2**31), seed=st.integers(0, 100))
def test_the_order_of_rows_changes_no_bit(order: int, seed: int) -> None:
    graph = Graph(seed)
    for i in range(3):
        campaign(graph, 8 + 6 * i, 2000 + i, 0.4)
    in_order, shuffled = group_accounts(graph.links()), group_accounts(graph.links(order))
    for name in ("members", "groups", "keys"):
        assert_frame_equal(getattr(in_order, name), getattr(shuffled, name), check_exact=True)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 100))
def test_memberships_are_shares_and_a_campaign_has_two_customers_or_more(seed: int) -> None:
    graph = Graph(seed)
    campaign(graph, 9, 2000)
    groups = group_accounts(graph.links())
    assert groups.members["membership"].is_between(LEAST_MEMBERSHIP, 1).all()
    assert (groups.members.group_by("account").agg(pl.col("membership").sum())["membership"] < 1 + 1e-6).all()
    assert (groups.groups["customers"] > 1).all()


def test_where_nothing_is_shared_there_is_no_group() -> None:
    graph = Graph()
    graph.rows = [row for row in graph.rows if row[1] == KIND["payment"]]
    empty: Any = group_accounts(graph.links())
    assert len(empty.members) == len(empty.groups) == len(empty.keys) == 0


def test_a_campaign_of_any_size_surprises_by_a_finite_number() -> None:
    graph = Graph()
    groups = group_accounts((campaign(graph, 900, 5_000, 0.9), graph.links())[1])
    surprise = groups.groups["surprise"]
    assert surprise.is_finite().all()
    assert surprise.max() > 250
