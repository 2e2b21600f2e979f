"""What becomes of campaigns from one asking to the next, by hand and in a small history that grows by a day."""

import polars as pl
import pytest

from benchmarks.campaigns.day import PAGE, PART, Continuity, compare_campaigns, measure_day
from docs_tools.documents import RESULTS


def campaigns_of(**accounts_by_id: str) -> pl.DataFrame:
    rows = [(name, account) for name, accounts in accounts_by_id.items() for account in accounts]
    return pl.DataFrame(rows, schema={"campaign_id": pl.String, "account_id": pl.String}, orient="row")


def continuity(*counts: int) -> Continuity:
    """Campaigns before, unchanged, of these with the same id, lasting, of these with the same id."""
    names = ("before", "unchanged", "unchanged_same_id", "lasting", "lasting_same_id")
    return Continuity(**dict(zip(names, counts, strict=True)))


def test_campaigns_that_stay_grow_split_and_go_are_told_apart() -> None:
    before = campaigns_of(stays="abc", grows="def", renamed="gh", splits="ijkl", goes="mn")
    after = campaigns_of(stays="abc", grows="defy", new="gh", splits="ij", other="kl")
    assert compare_campaigns(before, after) == continuity(5, 2, 1, 3, 2)


def test_a_campaign_that_goes_on_in_two_is_one_that_lasts() -> None:
    before, after = campaigns_of(splits="abcd"), campaigns_of(splits="abcx", new="bcdy")
    assert compare_campaigns(before, after) == continuity(1, 0, 0, 1, 1)


def test_a_campaign_that_goes_on_under_another_id_does_not_count_as_the_same() -> None:
    before, after = campaigns_of(first="abc", second="xyz"), campaigns_of(first="abcxyz")
    assert compare_campaigns(before, after) == continuity(2, 0, 0, 2, 1)


def test_nothing_before_or_after_is_nothing_that_lasts() -> None:
    assert compare_campaigns(campaigns_of(), campaigns_of(a="xy")) == continuity(0, 0, 0, 0, 0)
    assert compare_campaigns(campaigns_of(a="xy"), campaigns_of()) == continuity(1, 0, 0, 0, 0)


@pytest.mark.slow
def test_a_small_history_that_grows_by_a_day_gives_the_campaigns_of_the_whole_and_keeps_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Another secret is another order, and other groups at the margin: of two campaigns that become one, one id goes on.
    monkeypatch.setenv("STILLWATCH_KEY", "5a" * 32)
    row = measure_day("small", 0.5, 12, 3)  # refuses if the members are not those of the whole
    assert row[0] == "12"
    same, unchanged = map(int, row[-2].split(" of "))
    lasting_same, lasting = map(int, row[-1].split(" of "))
    assert (same, lasting_same) == (unchanged, lasting)
    assert lasting > 0


def test_the_page_has_a_place_for_it() -> None:
    page = (RESULTS / PAGE).read_text(encoding="utf-8")
    assert f"<!-- {PART} -->" in page
    assert f"<!-- /{PART} -->" in page
