"""The fit of what tells campaigns from crowds counts each world once, and follows reports from time to time."""

import math

import polars as pl
import pytest

from benchmarks.campaigns.evidence import (
    TRAITS,
    describe_reports,
    find_threshold,
    fit_weights,
    follow_reports,
    list_lasting,
    weigh_by_others,
)
from benchmarks.campaigns.home_worlds import WORLDS
from benchmarks.campaigns.weighed_times import list_days

DAYS = {"a": (7, 14), "b": (7, 10, 14, 21), "c": (7, 8)}


def members_of(world: str, day: int, group: int, *, is_campaign: bool, size: int = 4) -> pl.DataFrame:
    """Members of a group whose traits stand out if it is a campaign."""
    value = (1.0 if is_campaign else 0.0) + 0.1 * (group % 3) + 0.01 * day
    accounts = [f"{world}-{group}-{number}" for number in range(size)]
    return pl.DataFrame({"account_id": accounts}).with_columns(
        world=pl.lit(world),
        day=pl.lit(day),
        group=pl.lit(group),
        label=pl.lit(is_campaign),
        is_crowd=pl.lit(value=False),
        campaign=pl.lit(float(is_campaign)),
        surprise=pl.lit(2.0),
        daily_hours=pl.lit(3.0),
        **dict.fromkeys(TRAITS, pl.lit(value)),
    )


@pytest.fixture(scope="module")
def members() -> pl.DataFrame:
    """Three worlds, each with campaigns and honest groups at each time."""
    return pl.concat(
        members_of(world, day, group, is_campaign=group < 3)
        for world, days in DAYS.items()
        for day in days
        for group in range(6)
    )


def test_each_world_weighs_as_if_it_had_been_looked_at_once(members: pl.DataFrame) -> None:
    lasting = list_lasting(members)
    assert len(lasting) == 6 * sum(map(len, DAYS.values()))
    assert set(lasting.group_by("world").agg(pl.col("weight").sum().round(9))["weight"]) == {6.0}


def test_looking_at_the_same_groups_more_often_changes_no_weight(members: pl.DataFrame) -> None:
    first = members.filter(pl.col("day") == 7)
    often = pl.concat([first, first.with_columns(day=pl.lit(8))])
    once, twice = (fit_weights(list_lasting(rows)) for rows in (first, often))
    assert twice[0] == pytest.approx(once[0], abs=1e-3) and twice[1] == pytest.approx(once[1], abs=1e-3)


def test_a_world_is_judged_by_weights_that_the_others_give(members: pl.DataFrame) -> None:
    is_own = pl.col("world") == "a"
    turned = members.with_columns(campaign=pl.when(is_own).then(1 - pl.col("campaign")).otherwise("campaign"))
    plain, other = (weigh_by_others(rows)[0].filter(is_own) for rows in (members, turned))
    assert plain["odds"].to_list() == other["odds"].to_list()
    assert plain.filter("label")["odds"].min() > plain.filter(~pl.col("label"))["odds"].max()  # type: ignore[operator]


@pytest.mark.parametrize(("honest", "least"), [((), 1.0), ((9.5,), 1.0), ((9.5, 3.5), 4.0), ((99.0, 98.0), math.inf)])
def test_the_threshold_is_the_lowest_at_which_one_group_in_fifty_is_honest(
    honest: tuple[float, ...], least: float
) -> None:
    true = [float(odds) for odds in range(1, 61)]
    groups = pl.DataFrame({"odds": [*true, *honest], "campaign": [1.0] * len(true) + [0.0] * len(honest)})
    assert find_threshold(groups) == least


def test_a_report_lasts_if_half_of_its_accounts_are_in_reported_groups_the_next_time() -> None:
    """Of three campaigns one stays, one moves into another group, and one is not reported any more."""
    first = [members_of("a", 7, group, is_campaign=True) for group in (0, 1, 2)]
    moved = members_of("a", 8, 1, is_campaign=True).with_columns(group=pl.lit(9))
    then = [members_of("a", 8, 0, is_campaign=True), moved, members_of("a", 8, 2, is_campaign=True)]
    odds = pl.when((pl.col("day") == 8) & (pl.col("group") == 2)).then(0.0).otherwise(2.0)
    judged = pl.concat([*first, *then]).with_columns(odds=odds)
    inside, followed = follow_reports(judged, 1.0)
    assert dict(followed.select("group", "lasts").rows()) == {0: True, 1: True, 2: False}
    assert set(followed.select("day", "next_day").rows()) == {(7, 8)}
    assert dict(inside.group_by("day").agg(pl.col("is_in").mean()).rows()) == {7: 1.0, 8: pytest.approx(2 / 3)}


def test_the_table_of_reports_counts_groups_and_honest_ones(members: pl.DataFrame) -> None:
    odds = pl.when("label").then(2.0).otherwise(pl.when(pl.col("group") == 3).then(1.5).otherwise(0.0))
    judged = members.with_columns(odds=odds)
    row = describe_reports(judged, list_lasting(judged), (1.0,))[2]
    assert row == "| 1 | 32 | 8 | 1.00 | 3 of 3 | 12 of 12 |"


def test_every_world_is_looked_at_on_two_days_running_and_at_its_end() -> None:
    for world in WORLDS:
        days = list_days(world)
        assert days == sorted(set(days)) and days[-2:] == [world.scenario.days - 1, world.scenario.days]
        assert {7, 14, 15, 21, 22} <= set(days)
