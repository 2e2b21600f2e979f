"""How many accounts a refresh reads out: a part of those that wait."""

import pytest

from pipelines.follow.freshness.refresh_size import accounts_at_once


@pytest.mark.parametrize(
    ("waiting", "accounts"), [(0, 500), (500, 500), (1_900, 500), (2_001, 501), (8_000, 2_000), (10**6, 5_000)]
)
def test_a_refresh_takes_a_quarter_of_the_waiting_accounts_but_neither_very_few_nor_very_many(
    waiting: int, accounts: int
) -> None:
    assert accounts_at_once(waiting) == accounts
