"""Links: what ties accounts, and what does not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from math import log
from operator import gt
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.groups.link_kinds import LINK_KINDS, PIVOT, SIGNUP_TIME
from features.groups.links import Links, read_links, weigh_pairs
from features.lake import Lake
from features.schemas import KEY_KINDS, AccountRows
from features.tables.banned import BAN

Rows = Sequence[Mapping[str, Any]]
PREFIX = next(code for code, kind in enumerate(LINK_KINDS) if kind.name == "prefix")
PAYMENT = next(code for code, kind in enumerate(LINK_KINDS) if kind.name == "payment")
COMMON, RARE = 7, 8  # keys


def accounts(count: int, customer: Callable[[int], int] = lambda i: i) -> pl.DataFrame:
    columns = {
        "account_id": pl.Series([f"a{i:04d}" for i in range(count)]),
        "customer": pl.Series([customer(i) for i in range(count)]),
    }
    return pl.DataFrame(columns).with_columns(created_at=pl.lit(None, pl.Datetime("us", "UTC")), young=pl.lit(False))


def pairs(rows: Sequence[tuple[int, int, int, float, bool]]) -> pl.DataFrame:
    schema = {"account": pl.UInt32, "kind": pl.Int8, "key": pl.Int64, "share": pl.Float64, "new": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def ties(links: Links) -> dict[tuple[int, int], float]:
    return {(kind, key): tie for kind, key, tie in links.keys.select("kind", "key", "tie").iter_rows()}


def shown(count: int, new: Callable[[int], bool], key: int, share: float = 0.5, first: int = 0) -> Any:
    return [(first + i, PREFIX, key, share, new(i)) for i in range(count)]


def newness(links: Links, key: int) -> float:
    """What is left of a key's tie when its rarity and the weight of its kind are divided out."""
    kind, customers, tie = links.keys.filter(key=key).select("kind", "customers", "tie").row(0)
    weight = LINK_KINDS[kind].weight
    return float(tie / weight / (1 - log(customers) / log(links.accounts["customer"].n_unique())))


def test_a_template_new_to_a_few_ties_and_one_that_many_have_always_sent_hardly_does() -> None:
    old = shown(800, lambda i: i % 10 == 0, COMMON)
    tie_of = ties(weigh_pairs(accounts(1000), pairs([*old, *shown(30, lambda i: True, RARE, first=500)])))
    assert tie_of[PREFIX, RARE] > 0.3
    assert 0 < tie_of[PREFIX, COMMON] < 0.02


def test_a_key_that_every_customer_shows_ties_nobody_however_new_it_is() -> None:
    rows = [*shown(100, lambda i: i % 2 == 0, COMMON), *shown(9, lambda i: True, RARE)]
    tie_of = ties(weigh_pairs(accounts(100), pairs(rows)))
    assert tie_of[PREFIX, RARE] > 0.3
    assert tie_of.get((PREFIX, COMMON), 0.0) < 1e-9


@pytest.mark.parametrize("every", [4, 20])
def test_a_rare_key_of_sharers_as_old_as_others_or_older_ties_half_of_what_its_rarity_allows(every: int) -> None:
    rows = [*shown(800, lambda i: i % 4 == 0, COMMON), *shown(20, lambda i: i % every == 0, RARE, first=500)]
    assert newness(weigh_pairs(accounts(1000), pairs(rows)), RARE) == pytest.approx(0.5, abs=1e-9)


def test_a_rare_key_ties_the_more_the_newer_its_sharers_are_and_up_to_twice_as_much() -> None:
    rows = shown(800, lambda i: i % 4 == 0, COMMON)
    by_newness = [
        newness(weigh_pairs(accounts(1000), pairs([*rows, *shown(40, partial(gt, new), RARE, first=500)])), RARE)
        for new in (20, 30, 40)
    ]
    assert 0.5 < by_newness[0] < by_newness[1] < by_newness[2] < 1
    assert by_newness[2] > 0.95


def test_the_more_new_ones_share_a_key_the_surer_it_is_of_them() -> None:
    rows = shown(800, lambda i: i % 10 == 0, COMMON)
    few, many = (
        newness(weigh_pairs(accounts(1000), pairs([*rows, *shown(count, lambda i: True, RARE, first=500)])), RARE)
        for count in (2, 12)
    )
    assert few < many - 0.1


def test_accounts_of_one_organisation_are_one_customer_so_their_own_keys_tie_nobody() -> None:
    rows = [*shown(100, lambda i: False, COMMON), *((i, PAYMENT, RARE, 1.0, True) for i in range(30))]
    apart = weigh_pairs(accounts(200), pairs(rows))
    together = weigh_pairs(accounts(200, customer=lambda i: 0 if i < 30 else i), pairs(rows))
    assert list(ties(apart)) == [(PREFIX, COMMON), (PAYMENT, RARE)]
    assert list(ties(together)) == [(PREFIX, COMMON)]


def test_a_pair_appears_once_and_carries_its_share() -> None:
    rows = [*shown(60, lambda i: False, COMMON), *shown(9, lambda i: True, RARE, 0.25)]
    links = weigh_pairs(accounts(100), pairs(rows))
    shares = links.pairs.join(links.keys.with_row_index("number"), left_on="key", right_on="number")
    assert shares.sort("key_right", "account").select("key_right", "account", "share").rows() == [
        *((COMMON, i, 0.5) for i in range(60)),
        *((RARE, i, 0.25) for i in range(9)),
    ]


def test_the_order_of_pairs_changes_nothing() -> None:
    rows = pairs([*shown(300, lambda i: i % 3 == 0, COMMON, 0.1), *shown(40, lambda i: i % 7 > 0, RARE, 0.3, 200)])
    in_order, shuffled = (
        weigh_pairs(accounts(400), frame) for frame in (rows, rows.sample(fraction=1.0, shuffle=True, seed=3))
    )
    assert_frame_equal(in_order.keys, shuffled.keys, check_exact=True)
    assert_frame_equal(in_order.pairs, shuffled.pairs, check_exact=True)


def test_every_kind_of_link_is_a_key_of_requests_or_known_from_registrations() -> None:
    assert {kind.name for kind in LINK_KINDS} <= {*KEY_KINDS, *AccountRows.column_names(), SIGNUP_TIME, PIVOT}
    assert len({kind.name for kind in LINK_KINDS}) == len(LINK_KINDS)


def habit(account: str, as_of: datetime, prefix: int, days: Sequence[int], asn: int = 1) -> list[Mapping[str, Any]]:
    return [
        {
            "account_id": account,
            "timestamp": as_of - timedelta(days=d, minutes=m),
            "prefix": prefix,
            "exact": d * 99 + m,
        }
        for d in days
        for m in range(5)
    ]


def test_an_old_account_that_takes_a_template_up_is_new_to_it(
    lake_of: Callable[..., Lake], events_of: Callable[[Rows], pl.DataFrame], account_rows_of: Any, as_of: datetime
) -> None:
    rows = [row for i in range(40) for row in habit(f"always{i}", as_of, COMMON, range(20))]
    for i in range(9):
        rows += habit(f"turned{i}", as_of, 1000 + i, range(9, 20)) + habit(f"turned{i}", as_of, RARE, range(9))
    registered = account_rows_of([{"account_id": name} for name in sorted({row["account_id"] for row in rows})])
    links = read_links(lake_of([events_of(rows)], registered), as_of)
    keys = links.keys.with_row_index("number").filter(kind=PREFIX)
    shares = links.pairs.join(keys.select("number", name="key"), left_on="key", right_on="number")
    assert shares.group_by("name").agg(pl.col("new").all(), accounts=pl.len()).sort("name").rows() == [
        (COMMON, False, 40),
        (RARE, True, 9),
    ]
    assert shares.filter(name=RARE)["share"].to_list() == [pytest.approx(45 / 100)] * 9
    assert newness(links, RARE) > 0.8 > 0.5 == pytest.approx(newness(links, COMMON))


def test_a_template_of_old_accounts_ties_more_from_the_day_on_that_some_of_them_are_banned(
    lake_of: Callable[..., Lake], events_of: Callable[[Rows], pl.DataFrame], account_rows_of: Any, as_of: datetime
) -> None:
    rows = [row for i in range(60) for row in habit(f"old{i}", as_of, COMMON, range(20))]
    rows += [row for i in range(8) for row in habit(f"ours{i}", as_of, RARE, range(20))]
    lake = lake_of([events_of(rows)], account_rows_of([{"account_id": n} for n in {row["account_id"] for row in rows}]))
    banned_at = as_of - timedelta(days=1)
    bans = [{"account_id": f"ours{i}", "action": BAN, "acted_at": banned_at} for i in range(4)]
    bans.append({"account_id": "ours5", "action": "warning", "acted_at": banned_at})
    schema = {"account_id": pl.String, "action": pl.String, "acted_at": pl.Datetime("us", "UTC")}
    with_bans = replace(lake, tables={**lake.tables, "enforcement": pl.DataFrame(bans, schema=schema)})
    before = read_links(with_bans, banned_at - timedelta(hours=1))
    for links in (before, read_links(lake, as_of)):
        assert [newness(links, key) for key in (COMMON, RARE)] == pytest.approx([0.5, 0.5])
    tied = read_links(with_bans, as_of)
    assert newness(tied, COMMON) == pytest.approx(0.5)
    assert newness(tied, RARE) > 0.6
    assert not tied.accounts["young"].any()


def test_accounts_that_fell_silent_before_the_window_change_no_link(
    events_of: Callable[[Rows], pl.DataFrame], lake_of: Callable[..., Lake], as_of: datetime
) -> None:
    rows = [{"account_id": f"a{i}", "prefix": i % 3, "timestamp": as_of - timedelta(days=i % 9)} for i in range(30)]
    gone = [{"account_id": f"b{i}", "prefix": 5, "timestamp": as_of - timedelta(days=40)} for i in range(300)]
    without, beside = (read_links(lake_of([events_of(some)]), as_of) for some in (rows, rows + gone))
    for table in ("accounts", "keys", "pairs"):
        assert_frame_equal(getattr(without, table), getattr(beside, table), check_exact=True)


def test_who_registered_in_one_sitting_is_tied_a_little_and_who_registered_evenly_is_not(
    lake_of: Callable[..., Lake], events_of: Callable[[Rows], pl.DataFrame], account_rows_of: Any, as_of: datetime
) -> None:
    times = {f"even{i}": as_of - timedelta(hours=9 * i + 30) for i in range(100)}
    times |= {f"sitting{i}": as_of - timedelta(days=12, minutes=i) for i in range(20)}
    rows = [row for name in times for row in habit(name, as_of, hash(name) % 10**9, [0])]
    registered = account_rows_of([{"account_id": name, "created_at": time} for name, time in times.items()])
    links = read_links(lake_of([events_of(rows)], registered), as_of)
    kind = next(code for code, kind in enumerate(LINK_KINDS) if kind.name == SIGNUP_TIME)
    by_time = links.keys.with_row_index("row").filter(pl.col("kind") == kind)
    tied = links.pairs.join(by_time, left_on="key", right_on="row")
    names = links.accounts["account_id"].gather(tied["account"]).to_list()
    assert {name for name, new in zip(names, tied["new"], strict=True) if new} >= {f"sitting{i}" for i in range(20)}
    assert by_time["tie"].max() < LINK_KINDS[kind].weight == 0.1
    assert len(by_time) <= 2


def test_who_goes_over_to_a_new_model_in_the_same_hours_is_tied_and_who_only_tries_it_then_is_not(
    lake_of: Callable[..., Lake], events_of: Callable[[Rows], pl.DataFrame], keyring: Any, as_of: datetime
) -> None:
    old, new = (pl.select(keyring.key(pl.lit(name), "model")).item() for name in ("m1", "m3"))
    released = (as_of - timedelta(days=5)).replace(minute=0, second=0, microsecond=0)

    def uses(account: str, begins: int, share: float) -> list[Mapping[str, Any]]:
        times = [released + timedelta(hours=begins, minutes=m) for m in range(20)]
        models = [new if i < 20 * share else old for i in range(20)]
        return [{"account_id": account, "timestamp": t, "model": m} for t, m in zip(times, models, strict=True)]

    rows = [row for i in range(12) for row in uses(f"together{i}", 4, 0.9)]
    rows += [row for i in range(90) for row in uses(f"tries{i}", i % 22, 0.2)]
    links = read_links(lake_of([events_of(rows)], None, {"m3": 5}), as_of)
    code = next(code for code, kind in enumerate(LINK_KINDS) if kind.name == PIVOT)
    keys = links.keys.with_row_index("key_number").filter(pl.col("kind") == code)
    tied = links.pairs.join(keys, left_on="key", right_on="key_number")
    moved = tied.filter("new")
    assert set(links.accounts["account_id"].gather(moved["account"])) == {f"together{i}" for i in range(12)}
    assert keys["key"].to_list() == moved["key_right"].unique().to_list()
    assert newness(links, keys["key"].item()) > 0.4
    unreleased = read_links(lake_of([events_of(rows)], None, {"m1": 99}), as_of)
    assert not len(unreleased.keys.filter(pl.col("kind") == code))


def test_what_becomes_known_later_changes_no_link(world: Any, lake_of: Callable[..., Lake], as_of: datetime) -> None:
    early = as_of - timedelta(days=3, minutes=7)
    older = pl.when(pl.int_range(pl.len()) % 3 > 0).then(pl.col("created_at").dt.offset_by("-60d"))
    accounts = world.accounts.with_columns(created_at=older.otherwise("created_at"))
    until_early = lake_of([world.events.filter(pl.col("timestamp") <= early)], accounts)
    whole = lake_of([world.events[::2], world.events[1::2]], accounts)
    early_links, later_links = read_links(until_early, early), read_links(whole, early)
    assert len(early_links.pairs)
    for name in ("accounts", "keys", "pairs"):
        assert_frame_equal(getattr(early_links, name), getattr(later_links, name), check_exact=True)


def test_an_account_without_a_registration_is_a_customer_of_its_own(
    lake_of: Callable[..., Lake], events_of: Callable[[Rows], pl.DataFrame], as_of: datetime
) -> None:
    links = read_links(lake_of([events_of(habit("a", as_of, COMMON, [1]) + habit("b", as_of, COMMON, [1]))]), as_of)
    assert links.accounts["customer"].n_unique() == 2
    assert not links.accounts["young"].any()
