"""How many accounts a refresh reads out: as many as fit into its time."""

import pytest

from pipelines.follow.freshness.refresh_size import RefreshSize


def test_a_refresh_that_takes_too_long_is_followed_by_smaller_ones_and_a_fast_one_by_larger_ones() -> None:
    size = RefreshSize(2.0, 400)
    size.note(400, 4.0)
    assert size.accounts == 200
    size.note(200, 1.0)
    assert size.accounts == 400
    size.note(400, 0.01)
    assert size.accounts == 800  # no more than twice as many at once


@pytest.mark.parametrize(("accounts", "seconds"), [(0, 0.0), (0, 0.3), (100, 1.9)])
def test_a_refresh_of_all_that_waited_says_nothing_while_it_is_short(accounts: int, seconds: float) -> None:
    size = RefreshSize(2.0, 400)
    size.note(accounts, seconds)
    assert size.accounts == 400


def test_a_refresh_that_only_prepares_leaves_the_next_one_some_accounts() -> None:
    size = RefreshSize(2.0, 400)
    size.note(0, 30.0)
    assert size.accounts == 50
