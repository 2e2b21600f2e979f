"""Histories beside a lake: features as if one group of accounts at a time were in it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from features.accounts import read_out, read_out_beside
from features.catalogue import FEATURE_NAMES, FEATURES_SCHEMA
from features.lake import Lake

LakeOf = Callable[..., Lake]
ON_PLAN = {"requests_on_plan_28d": "requests_28d", "output_on_plan_28d": "output_tokens_28d"}
ON_PROGRAMME = {name.replace("plan", "programme"): used for name, used in ON_PLAN.items()}
PIVOTS = ("pivot_1d_on_plan_28d", "pivot_3d_on_plan_28d")
OTHERS = [name for name in FEATURE_NAMES if name not in {*ON_PLAN, *ON_PROGRAMME, *PIVOTS}]
GROUPS = {f"acct-{i:04d}": ("ones", "twos", "alone")[0 if i % 2 else 1 if i else 2] for i in range(0, 48, 3)}


def groups() -> pl.DataFrame:
    return pl.DataFrame({"account_id": list(GROUPS), "group": list(GROUPS.values())})


def part(frame: pl.DataFrame, inside: bool, names: Any = GROUPS) -> pl.DataFrame:
    """The rows of these accounts, or of all others."""
    return frame.filter(pl.col("account_id").is_in(list(names)) == inside)


@pytest.fixture(scope="module")
def base(world: Any, lake_of: LakeOf) -> Lake:
    """The world without the accounts of the groups."""
    return lake_of([part(world.events, False)], part(world.accounts, False))


@pytest.fixture(scope="module")
def added(world: Any, lake_of: LakeOf) -> Lake:
    """The accounts of the groups alone."""
    return lake_of([part(world.events, True)], part(world.accounts, True))


@pytest.mark.parametrize("days", [0.0, 1.09, 11.4])
@pytest.mark.parametrize("name", ["ones", "twos", "alone"])
def test_a_group_reads_as_in_one_lake_that_really_holds_it(
    world: Any, lake_of: LakeOf, base: Lake, added: Lake, as_of: datetime, name: str, days: float
) -> None:
    time = as_of - timedelta(days=days)
    members = [account for account, group in GROUPS.items() if group == name]
    away = set(GROUPS) - set(members)
    really = lake_of([part(world.events, False, away)], part(world.accounts, False, away))
    oracle = part(read_out(really, time), True, members).select("account_id", "as_of", *OTHERS)
    beside = part(read_out_beside(base, added, time, groups()), True, members)
    assert len(oracle) > 0
    assert beside.select(oracle.columns).equals(oracle)


def test_groups_share_keys_with_the_lake_and_among_themselves_or_the_oracle_would_say_nothing(
    base: Lake, added: Lake, as_of: datetime
) -> None:
    alone = read_out(added, as_of)
    beside = read_out_beside(base, added, as_of, groups())
    for name in ("shared_prefix_28d", "shared_address_28d", "payment_accounts", "young_client_28d"):
        assert not beside[name].equals(alone[name])


@pytest.mark.parametrize(("of", "ratios"), [("plan", ON_PLAN), ("programme", ON_PROGRAMME)])
def test_what_is_used_is_compared_with_the_medians_of_the_lake_alone(
    world: Any, base: Lake, added: Lake, as_of: datetime, of: str, ratios: dict[str, str]
) -> None:
    group = dict(world.accounts.select("account_id", of).iter_rows())
    with_requests = [row for row in read_out(base, as_of).iter_rows(named=True) if row["requests_28d"] is not None]
    beside = read_out_beside(base, added, as_of, groups())
    for ratio, name in ratios.items():
        placed = [row for row in beside.iter_rows(named=True) if group[row["account_id"]] is not None]
        assert placed
        assert beside[ratio].count() == len(placed)
        for row in placed:
            same = [other[name] for other in with_requests if group[other["account_id"]] == group[row["account_id"]]]
            median = pl.Series(same).median()
            assert isinstance(median, float)
            expected = pl.Series([(row[name] + 1) / (median + 1)]).log(2)[0]
            assert row[ratio] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_pivot_is_compared_with_the_median_of_the_lake_alone(
    world: Any, lake_of: LakeOf, base: Lake, added: Lake, as_of: datetime
) -> None:
    everything = read_out(lake_of([world.events], world.accounts), as_of).join(
        world.accounts.select("account_id", "plan"), on="account_id"
    )
    beside = read_out_beside(base, added, as_of, groups()).select("account_id", *PIVOTS)
    for name in PIVOTS:
        above = everything.select("account_id", "plan", here=name).join(beside, on="account_id", how="left")
        medians = part(above, False).group_by("plan").agg(moved=pl.col("here").median())  # of the lake, less all's
        want = part(above, True).join(medians, on="plan").select(want=pl.col("here") - pl.col("moved"), got=name)
        assert want.drop_nulls().height > 5
        assert want.select((pl.col("want") - pl.col("got")).abs().max()).item() < 1e-6
        assert want.select((pl.col("want").is_null() == pl.col("got").is_null()).all()).item()


@pytest.mark.parametrize("name", ["ones", "alone"])
def test_a_second_group_changes_nothing(base: Lake, added: Lake, as_of: datetime, name: str) -> None:
    only = groups().filter(pl.col("group") == name)
    together = part(read_out_beside(base, added, as_of, groups()), True, only["account_id"])
    assert read_out_beside(base, added, as_of, only).equals(together)


def test_an_account_in_the_added_lake_that_is_in_no_group_changes_nothing(
    world: Any, lake_of: LakeOf, base: Lake, added: Lake, as_of: datetime
) -> None:
    less = groups().filter(pl.col("group") == "ones")
    bare = lake_of([part(world.events, True, less["account_id"])], part(world.accounts, True, less["account_id"]))
    assert read_out_beside(base, added, as_of, less).equals(read_out_beside(base, bare, as_of, less))


@pytest.mark.parametrize("minutes", [0, 26, 1_600, 20_011])
def test_nothing_after_the_time_changes_anything(
    world: Any, lake_of: LakeOf, base: Lake, added: Lake, as_of: datetime, minutes: int
) -> None:
    time = as_of - timedelta(days=1, minutes=minutes)
    events = world.events.filter(pl.col("timestamp") <= time)
    accounts = world.accounts.filter(pl.col("created_at") <= time)
    assert 0 < len(events) < len(world.events)
    cut = [lake_of([part(events, inside)], part(accounts, inside)) for inside in (False, True)]
    assert read_out_beside(base, added, time, groups()).equals(read_out_beside(*cut, time, groups()))


def test_the_look_ahead_test_would_notice_one_event_at_the_time_itself(
    world: Any, lake_of: LakeOf, base: Lake, added: Lake, as_of: datetime
) -> None:
    event = part(world.events, True)[:1].with_columns(timestamp=pl.lit(as_of), day=pl.lit(as_of.date()))
    more = lake_of([pl.concat([part(world.events, True), event])], part(world.accounts, True))
    assert not read_out_beside(base, more, as_of, groups()).equals(read_out_beside(base, added, as_of, groups()))


def test_accounts_and_groups_without_a_request_by_then_are_left_out(base: Lake, added: Lake, as_of: datetime) -> None:
    absent = pl.DataFrame({"account_id": ["nobody", "nobody else"], "group": ["ones", "absent"]})
    with_absent = read_out_beside(base, added, as_of, pl.concat([groups(), absent]))
    assert with_absent.equals(read_out_beside(base, added, as_of, groups()))


@pytest.mark.parametrize("chosen", ["nobody", None])
def test_no_account_gives_no_rows_of_the_contract(base: Lake, added: Lake, as_of: datetime, chosen: str | None) -> None:
    ids = pl.Series([chosen] if chosen else [], dtype=pl.String)
    got = read_out_beside(base, added, as_of, pl.DataFrame({"account_id": ids, "group": ids}))
    assert got.schema == FEATURES_SCHEMA
    assert got.is_empty()


def test_groups_stand_beside_an_empty_lake(lake_of: LakeOf, world: Any, added: Lake, as_of: datetime) -> None:
    empty = lake_of([world.events.clear()], world.accounts.clear())
    only = groups().filter(pl.col("group") == "alone")
    got = read_out_beside(empty, added, as_of, only)
    assert got["requests_28d"].to_list() == read_out(added, as_of).join(only, on="account_id")["requests_28d"].to_list()
    assert got.select(pl.col(*ON_PLAN).is_null().all()).row(0) == (True, True)
