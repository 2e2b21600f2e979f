"""What speaks for a group is counted right, and moves its members' risk as far as it says."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import cycle, islice
from math import log
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.groups import evidence
from features.groups.grouping import Groups
from features.groups.links import read_links
from features.groups.members import WeighedGroups, group_lake

SIZE = 12  # accounts of the class and of the campaign
OTHERS = 200
TEMPLATE = 8
Requests = list[dict[str, Any]]
Make = Callable[..., Any]
Weigh = Callable[..., pl.DataFrame]
SIX = (20,) * 6  # hours of as many members
STANDINGS, ODDS = st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(-30, 30)
CLOSENESS = st.floats(-2, 1)


@pytest.fixture
def begin(as_of: datetime) -> datetime:
    """When groups begin to act."""
    return as_of - timedelta(days=9)


def send(account: str, begin: datetime, hours: int, **keys: int) -> Requests:
    """Two requests an hour."""
    times = [begin + timedelta(hours=hour, minutes=minute) for hour in range(hours) for minute in (0, 20)]
    return [{"account_id": account, "timestamp": time, **keys} for time in times]


def stay_alone(account: str, begin: datetime, number: int, count: int) -> Requests:
    """Requests with an opening that nobody else sends."""
    times = [begin + timedelta(days=6, minutes=7 * i) for i in range(count)]
    return [{"account_id": account, "timestamp": time, "prefix": 10**6 + number} for time in times]


def bystanders(begin: datetime) -> Requests:
    starts = [begin - timedelta(days=other % 17) for other in range(OTHERS)]
    return [row for i, start in enumerate(starts) for row in stay_alone(f"other{i:03d}", start, i, 1)]


@pytest.fixture
def weigh(events_of: Any, lake_of: Make, begin: datetime, as_of: datetime) -> Weigh:
    """Weighs a group whose members send a template in so many hours, and so many requests of their own."""

    def weigh_group(hours: tuple[int, ...], own: int = 40, strengths: tuple[float, ...] = (0.3,)) -> pl.DataFrame:
        sent = bystanders(begin)
        for member, lasted in enumerate(hours):
            sent += send(f"member{member:02d}", begin, lasted, prefix=TEMPLATE)
            sent += stay_alone(f"member{member:02d}", begin, OTHERS + member, own)
        lake = lake_of([events_of(sent)])
        links = read_links(lake, as_of)
        accounts = links.accounts.with_row_index("account").filter(pl.col("account_id").str.starts_with("member"))
        members = accounts.select("account", strength=pl.Series(islice(cycle(strengths), len(accounts))), group=0)
        keys = links.keys.with_row_index("number").filter(key=TEMPLATE).select(key="number", group=0)
        return evidence.weigh_groups(Groups(members, pl.DataFrame({"group": [0]}), keys), links, lake, as_of)

    return weigh_group


@pytest.fixture
def rows(begin: datetime) -> Requests:
    """A class of two hours whose members go on by themselves, a campaign of 30, and others who share nothing."""
    sent = bystanders(begin)
    for member in range(SIZE):
        sent += send(f"class{member:02d}", begin, 2, prefix=7)
        sent += stay_alone(f"class{member:02d}", begin, OTHERS + member, 8)
        sent += send(f"campaign{member:02d}", begin, 30, prefix=TEMPLATE)
        sent += stay_alone(f"campaign{member:02d}", begin, OTHERS + SIZE + member, member)
    return sent


@pytest.fixture
def make_world(events_of: Any, account_rows_of: Any, lake_of: Make, begin: datetime) -> Make:
    """Makes a lake of young accounts that share an instrument or none; bystanders and half of a kit's users are old."""

    def make(sent: Requests, payment: int | None = None) -> Any:
        registered = []
        for number, name in enumerate(sorted({row["account_id"] for row in sent})):
            is_old = name.startswith("other") or (name.startswith("kit") and number % 2 > 0)
            born = begin - timedelta(days=400 if is_old else 1, hours=number)
            registered.append({"account_id": name, "created_at": born, "payment": None if is_old else payment})
        return lake_of([events_of(sent)], account_rows_of(registered))

    return make


def weigh_kinds(weighed: WeighedGroups) -> dict[str, dict[str, Any]]:
    """What is known of the groups, by the names of all of their members, without numbers."""
    names = weighed.links.accounts.select(name=pl.col("account_id").str.strip_chars("0123456789"))
    members = weighed.groups.members.join(names.with_row_index("account"), on="account")
    parts = members.group_by("group").agg(pl.col("name").unique().sort().str.join(" "), accounts=pl.len())
    weighed_parts = parts.join(weighed.evidence, on="group").join(weighed.groups.groups, on="group")
    return {row["name"]: row for row in weighed_parts.iter_rows(named=True)}


def test_hours_are_those_in_which_a_member_shows_what_ties_it(
    rows: Requests, make_world: Make, as_of: datetime
) -> None:
    lake = make_world(rows)
    weighed = group_lake(lake, as_of)
    hours = evidence.list_tied_hours(weighed.groups, weighed.links, lake, as_of)
    expected = {f"{name}{i:02d}": count for name, count in (("class", 2), ("campaign", 30)) for i in range(SIZE)}
    assert dict(hours.group_by("account_id").len().rows()) == expected


def test_what_speaks_for_a_group_is_the_median_member_and_how_even_all_are(weigh: Weigh) -> None:
    row = weigh((1, 2, 3, 4, 10), 12, (0.9, 0.1, 0.4, 0.6, 0.2)).row(0, named=True)
    assert row["hours"] == 3
    assert row["cover"] == pytest.approx(6 / 18)
    assert row["evenness"] == pytest.approx((1 + 2 + 3 + 4 + 10) ** 2 / (5 * (1 + 4 + 9 + 16 + 100)))
    assert row["strength"] == 0.4


@pytest.mark.parametrize(
    ("less", "more"),
    [
        pytest.param((SIX,), ((20,) * 9,), id="more accounts"),
        pytest.param((SIX,), (SIX, 80), id="beside other traffic"),
        pytest.param(((5, 20, 20, 20, 20, 35),), (SIX,), id="more evenly"),
        pytest.param((SIX,), (SIX, 40, (0.5,)), id="harder"),
    ],
)
def test_the_odds_grow_with_what_tells_campaigns_from_crowds(weigh: Weigh, less: Any, more: Any) -> None:
    assert weigh(*less)["odds"].item() < weigh(*more)["odds"].item() - 0.1


@pytest.mark.parametrize(("hours", "is_crowd"), [((7,) * 6, True), ((7, 7, 7, 8, 8, 8), False), ((8,) * 6, False)])
def test_a_group_is_a_crowd_up_to_seven_hours_of_its_median_member(
    weigh: Weigh, hours: tuple[int, ...], is_crowd: bool
) -> None:
    assert weigh(hours)["is_crowd"].to_list() == [is_crowd]


def test_groups_of_fewer_than_five_are_not_weighed(weigh: Weigh) -> None:
    assert [len(weigh((20,) * count)) for count in (3, 4, 5, 6)] == [0, 0, 1, 1]


def test_where_there_is_no_group_nothing_is_weighed(make_world: Make, begin: datetime, as_of: datetime) -> None:
    weighed = group_lake(make_world(bystanders(begin)), as_of)
    assert weighed.evidence.is_empty() and weighed.groups.members.is_empty()


def test_cover_is_of_the_kind_of_template_that_shows_most_and_networks_are_none(
    make_world: Make, begin: datetime, as_of: datetime
) -> None:
    sent = bystanders(begin)
    for member in range(SIZE):
        name = f"campaign{member:02d}"
        sent += send(name, begin, 10, prefix=TEMPLATE, suffix=TEMPLATE, address=TEMPLATE)
        sent += send(name, begin + timedelta(days=1), 5, prefix=9, address=TEMPLATE)
        sent += send(name, begin + timedelta(days=2), 10, prefix=10**5 + member, address=TEMPLATE)
    assert weigh_kinds(group_lake(make_world(sent), as_of))["campaign"]["cover"] == pytest.approx(15 / 25)


def test_a_class_is_a_crowd_however_much_its_members_do_by_themselves_and_a_campaign_is_none(
    rows: Requests, make_world: Make, as_of: datetime
) -> None:
    groups = weigh_kinds(group_lake(make_world(rows), as_of))
    assert {name: row["is_crowd"] for name, row in groups.items()} == {"class": True, "campaign": False}
    assert min(row["surprise"] for row in groups.values()) >= 9


def test_a_campaign_is_no_crowd_any_more_once_it_has_lasted(rows: Requests, make_world: Make, begin: datetime) -> None:
    lake = make_world(rows)
    for hours, is_crowd in ((evidence.LEAST_HOURS, True), (evidence.LEAST_HOURS + 1, False)):
        groups = weigh_kinds(group_lake(lake, begin + timedelta(hours=hours - 1, minutes=30)))
        assert (groups["campaign"]["hours"], groups["campaign"]["is_crowd"]) == (hours, is_crowd)


def test_of_accounts_that_share_only_what_they_registered_with_no_hours_are_counted_and_they_are_no_crowd(
    make_world: Make, begin: datetime, as_of: datetime
) -> None:
    farm = [row for member in range(SIZE) for row in stay_alone(f"farm{member:02d}", begin, OTHERS + member, 30)]
    group = weigh_kinds(group_lake(make_world(bystanders(begin) + farm, payment=5), as_of))["farm"]
    assert (group["hours"], group["cover"], group["is_crowd"]) == (None, 0, False)


def test_users_of_a_kit_are_no_chance_and_yet_are_reported_only_if_their_members_stand_out(
    make_world: Make, begin: datetime, as_of: datetime
) -> None:
    sent = bystanders(begin)
    for user in range(60):
        sent += send(f"kit{user:02d}", begin, 18, prefix=TEMPLATE, suffix=TEMPLATE)
        sent += stay_alone(f"kit{user:02d}", begin, OTHERS + user, 40)
    kit = pl.DataFrame([weigh_kinds(group_lake(make_world(sent), as_of))["kit"]])
    assert kit["accounts"].item() == 60
    assert kit["surprise"].item() >= 9
    assert not kit.select(evidence.is_reported_unmodelled()).item()
    for standing, is_reported in ((0.5, False), (1.0, True)):
        members = kit.with_columns(standing=pl.lit(standing))
        assert evidence.add_standing(members).select(evidence.is_reported()).item() is is_reported


def test_requests_after_the_time_change_no_evidence(rows: Requests, make_world: Make, begin: datetime) -> None:
    time = begin + timedelta(hours=9, minutes=10)
    early = [row for row in rows if row["timestamp"] <= time]
    until, whole = (group_lake(make_world(sent), time).evidence for sent in (early, rows))
    assert len(until) == 2
    assert_frame_equal(until, whole, check_exact=True)


def test_the_order_of_requests_changes_no_evidence(rows: Requests, make_world: Make, as_of: datetime) -> None:
    in_order = group_lake(make_world(rows), as_of).evidence
    assert len(in_order) == 2

    @settings(max_examples=5)
    @given(st.randoms(use_true_random=False))
    def check(random: Any) -> None:
        shuffled = make_world(random.sample(rows, len(rows)))
        assert_frame_equal(in_order, group_lake(shuffled, as_of).evidence, check_exact=True)

    check()


def group_of(*standings: float | None, odds: float = 0.0) -> pl.DataFrame:
    standing = pl.Series(standings, dtype=pl.Float64)
    return pl.DataFrame({"group": "g", "as_of": len(standings), "odds": odds, "standing": standing})


def lift_by(odds: float | None, closeness: float | None = 0.0, is_crowd: bool | None = False) -> float:
    member = pl.DataFrame([("g", odds, closeness, is_crowd)], evidence.GROUP_SCHEMA, orient="row")
    return float(member.select(evidence.lift()).item())


@given(standings=STANDINGS, odds=ODDS, data=st.data())
def test_odds_grow_with_the_standing_of_the_members(standings: list[float], odds: float, data: st.DataObject) -> None:
    raised = [data.draw(st.floats(standing, 1)) for standing in standings]
    lower, higher = (evidence.add_standing(group_of(*each, odds=odds))["odds"][0] for each in (standings, raised))
    gain = (sum(raised) - sum(standings)) / len(standings)
    assert higher - lower == pytest.approx(9.15 * gain, abs=1e-9)


@pytest.mark.parametrize(("standings", "alike"), [((0.9, None), (0.9, 0.9)), ((None,), (0.5,))])
def test_members_without_a_standing_are_passed_over_and_a_group_of_such_stands_as_the_mean_does(
    standings: tuple[float | None, ...], alike: tuple[float, ...]
) -> None:
    odds, expected = (evidence.add_standing(group_of(*each))["odds"] for each in (standings, alike))
    assert odds.to_list() == expected.to_list()


def test_groups_of_one_name_are_told_apart_by_what_they_lie_within() -> None:
    early, late = group_of(0.2, 0.4), group_of(0.8)
    apart = pl.concat([evidence.add_standing(early), evidence.add_standing(late)])
    assert_frame_equal(evidence.add_standing(pl.concat([early, late]), ("as_of",)), apart)


def test_an_account_without_a_group_gains_nothing() -> None:
    assert lift_by(None, None, None) == 0


@given(odds=st.floats(-3, 1.9), more=st.floats(0.1, 30), closeness=CLOSENESS)
def test_what_a_member_gains_grows_with_the_odds(odds: float, more: float, closeness: float) -> None:
    assert lift_by(odds, closeness) < lift_by(odds + more, closeness)


@given(beyond=st.floats(0, 30))
def test_beyond_its_bounds_more_evidence_changes_no_gain(beyond: float) -> None:
    assert (lift_by(-3 - beyond), lift_by(2 + beyond)) == (lift_by(-3), lift_by(2))


@given(odds=ODDS, closeness=CLOSENESS)
def test_a_crowds_members_lose_whatever_the_odds(odds: float, closeness: float) -> None:
    assert lift_by(odds, closeness, is_crowd=True) < 0


@given(odds=ODDS, nearer=st.floats(0.01, 1), is_crowd=st.booleans())
def test_who_is_closer_than_the_median_gains_more_and_who_is_farther_gains_less(
    odds: float, nearer: float, is_crowd: bool
) -> None:
    farther, median, closer = (lift_by(odds, closeness, is_crowd) for closeness in (-nearer, 0.0, nearer))
    assert farther < median < closer < median + 0.6


def test_closeness_is_the_log_of_strength_over_the_median_of_the_own_group_within_bounds() -> None:
    strengths = {"a": (0.1, 0.1, 0.2, 0.9, 0.001), "b": (0.5, 0.7, 0.35)}
    rows = [(group, strength) for group, members in strengths.items() for strength in members]
    closeness = evidence.measure_closeness(pl.DataFrame(rows, ["group", "strength"], orient="row"))["closeness"]
    assert closeness.to_list() == pytest.approx([0, 0, log(2), 1, -2, 0, log(1.4), log(0.7)])


@pytest.mark.parametrize(("is_crowd", "above"), [(False, 0), (False, -0.01), (True, 9)])
def test_groups_are_reported_from_their_thresholds_on_and_crowds_never(is_crowd: bool, above: float) -> None:
    for report, least in (("is_reported", "REPORTED_ODDS"), ("is_reported_unmodelled", "UNMODELLED_ODDS")):
        group = pl.DataFrame({"is_crowd": is_crowd, "odds": getattr(evidence, least) + above, "surprise": 1.0})
        assert group.select(getattr(evidence, report)()).item() is (above == 0)
    assert not group.with_columns(surprise=0.9).select(evidence.is_reported_unmodelled()).item()
