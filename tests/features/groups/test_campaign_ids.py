"""Ids of campaigns: they last while a campaign grows, splits or swallows another."""

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from features.groups.campaign_ids import CampaignIds, assign_ids

Members = Mapping[int, str]
PAST = pl.Schema({"campaign_id": pl.String, "account_id": pl.String, "is_now": pl.Boolean})
CREATED = datetime(2026, 5, 1, tzinfo=UTC)


def members(groups: Members) -> pl.DataFrame:
    """One account per letter; an earlier letter registered earlier."""
    rows = [
        (group, letter, 0.5, CREATED.replace(minute=ord(letter) - ord("a")))
        for group, letters in groups.items()
        for letter in letters
    ]
    schema = {
        "group": pl.Int64,
        "account_id": pl.String,
        "strength": pl.Float64,
        "created_at": pl.Datetime("us", "UTC"),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def past(campaigns: Mapping[str, str]) -> pl.DataFrame:
    """Campaigns and their members; those of a name that begins with `now` were told as of this very time."""
    rows = [(name, letter, name.startswith("now")) for name, letters in campaigns.items() for letter in letters]
    return pl.DataFrame(rows, schema=PAST, orient="row")


def ids(result: CampaignIds) -> dict[int, str]:
    return dict(result.ids.iter_rows())


def relations(result: CampaignIds) -> set[tuple[str, str, str]]:
    return set(result.lineage.select("campaign_id", "past_id", "relation").iter_rows())


def test_a_campaign_that_grows_keeps_its_id() -> None:
    grown = assign_ids(members({7: "abcdefghij"}), past({"one": "abc"}))
    assert ids(grown) == {7: "one"}
    assert relations(grown) == {("one", "one", "continues")}


def test_of_a_campaign_that_splits_the_larger_part_keeps_the_id_and_the_other_names_its_origin() -> None:
    parted = assign_ids(members({0: "abc", 1: "defgh"}), past({"one": "abcdefgh"}))
    other = ids(parted)[0]
    assert ids(parted)[1] == "one" and other != "one"
    assert relations(parted) == {("one", "one", "continues"), (other, "one", "split")}


def test_a_merger_keeps_the_id_of_the_larger_and_records_the_smaller() -> None:
    joined = assign_ids(members({0: "abcdefgh"}), past({"one": "abc", "two": "defgh"}))
    assert relations(joined) == {("two", "two", "continues"), ("two", "one", "merged")}


def test_a_few_accounts_in_common_do_not_pass_an_id_on() -> None:
    fresh = assign_ids(members({0: "abcdefgh"}), past({"one": "abmnopqrst", "two": "h"}))
    assert ids(fresh)[0] not in {"one", "two"}
    assert len(fresh.lineage) == 0


def test_a_new_id_comes_from_the_oldest_account_and_stays_when_younger_ones_join() -> None:
    first, later = (assign_ids(members({0: letters}), past({})) for letters in ("ace", "acefgx"))
    assert ids(first) == ids(later)
    assert ids(assign_ids(members({0: "cef"}), past({}))) != ids(first)


def test_an_account_of_two_campaigns_does_not_give_both_the_same_id() -> None:
    both = ids(assign_ids(members({0: "abc", 1: "ade"}), past({})))
    assert both[0] != both[1]


def test_asking_about_a_time_again_keeps_its_ids_whatever_was_told_of_earlier_times_since() -> None:
    asked = assign_ids(members({0: "abcd"}), past({"now": "abcd", "earlier": "abcdefgh"}))
    assert ids(asked) == {0: "now"}


def test_an_id_of_the_past_is_not_given_to_others() -> None:
    gone = ids(assign_ids(members({0: "abc"}), past({})))[0]
    assert ids(assign_ids(members({0: "abc"}), past({gone: "xyz"})))[0] != gone


@settings(max_examples=60, deadline=None)
@given(
    now=st.dictionaries(st.integers(0, 9), st.text("abcdefghijklmnop", min_size=2, max_size=9), max_size=6),
    before=st.dictionaries(st.sampled_from("uvwxyz"), st.text("abcdefghijklmnop", min_size=2, max_size=9), max_size=6),
    order=st.randoms(use_true_random=False),
)
def test_ids_are_one_to_one_and_do_not_depend_on_order(
    now: dict[int, str], before: dict[str, str], order: Random
) -> None:
    now = {group: "".join(sorted(set(letters))) for group, letters in now.items()}
    before = {name: "".join(sorted(set(letters))) for name, letters in before.items()}
    forward = assign_ids(members(now), past(before))
    assert sorted(forward.ids["group"]) == sorted(now)
    assert forward.ids["campaign_id"].is_unique().all()
    shuffled = [list(items) for items in (now.items(), before.items())]
    for items in shuffled:
        order.shuffle(items)
    again = assign_ids(members(dict(shuffled[0])), past(dict(shuffled[1])))
    assert ids(again) == ids(forward) and relations(again) == relations(forward)


@given(st.dictionaries(st.integers(0, 9), st.sets(st.sampled_from("abcdefghijklmnop"), min_size=2), max_size=1))
def test_asking_again_changes_no_id(now: dict[int, set[str]]) -> None:
    groups = {group: "".join(sorted(letters)) for group, letters in now.items()}
    first = assign_ids(members(groups), past({}))
    named_before = members(groups).join(first.ids, on="group").with_columns(is_now=False).select(PAST.names())
    assert ids(assign_ids(members(groups), named_before)) == ids(first)
