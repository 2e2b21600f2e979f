"""What becomes of campaigns from one asking to the next, by hand and in a small history that grows by a day."""

import polars as pl
import pytest

from benchmarks.campaigns.day import PAGE, PART, Lasting, compared, measured
from docs_tools.documents import RESULTS


def told(**campaigns: str) -> pl.DataFrame:
    rows = [(name, account) for name, accounts in campaigns.items() for account in accounts]
    return pl.DataFrame(rows, schema={"campaign_id": pl.String, "account_id": pl.String}, orient="row")


def test_campaigns_that_stay_grow_split_and_go_are_told_apart() -> None:
    before = told(stays="abc", grows="def", renamed="gh", splits="ijkl", goes="mn")
    after = told(stays="abc", grows="defy", new="gh", splits="ij", other="kl")
    assert compared(before, after) == Lasting(before=5, unchanged=2, same=1, lasting=3, kept=2)


def test_a_campaign_that_goes_on_in_two_is_one_that_lasts() -> None:
    before, after = told(splits="abcd"), told(splits="abcx", new="bcdy")
    assert compared(before, after) == Lasting(before=1, unchanged=0, same=0, lasting=1, kept=1)


def test_a_campaign_that_goes_on_under_another_name_is_not_kept() -> None:
    before, after = told(one="abc", two="xyz"), told(one="abcxyz")
    assert compared(before, after) == Lasting(before=2, unchanged=0, same=0, lasting=2, kept=1)


def test_nothing_before_or_after_is_nothing_that_lasts() -> None:
    assert compared(told(), told(a="xy")) == Lasting(0, 0, 0, 0, 0)
    assert compared(told(a="xy"), told()) == Lasting(1, 0, 0, 0, 0)


@pytest.mark.slow
def test_a_small_history_that_grows_by_a_day_gives_the_campaigns_of_the_whole_and_keeps_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Another secret is another order, and other groups at the margin: of two campaigns that become one, one id goes on.
    monkeypatch.setenv("STILLWATCH_KEY", "5a" * 32)
    row = measured("small", 0.5, 12, 3)  # refuses if the members are not those of the whole
    assert row[0] == "12"
    same, unchanged = map(int, row[-2].split(" of "))
    kept, lasting = map(int, row[-1].split(" of "))
    assert (same, kept) == (unchanged, lasting)
    assert lasting > 0


def test_the_page_has_a_place_for_it() -> None:
    page = (RESULTS / PAGE).read_text(encoding="utf-8")
    assert f"<!-- {PART} -->" in page
    assert f"<!-- /{PART} -->" in page
