"""One analyst at a time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from console.errors import ConflictError
from console.web.call import ConsoleParts
from console.work.claims import CLAIM_TIME, claim_item, release_item
from tests.console.conftest import NOW, Open, account_id


def test_of_two_at_once_one_gets_the_item(parts: ConsoleParts) -> None:
    users = [parts.users.by_name(name) for name in ("ann", "bob")]
    begin = Barrier(2)
    for number in range(10):

        def claim(user, item: str = account_id(number)) -> bool:
            begin.wait()
            try:
                claim_item(parts.store, "account", item, user, NOW)
            except ConflictError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(claim, users)) == [False, True]


def test_a_claim_ends_by_itself_or_when_it_is_given_back(parts: ConsoleParts) -> None:
    ann, bob = parts.users.by_name("ann"), parts.users.by_name("bob")
    assert ann and bob
    claim_item(parts.store, "account", "a", ann, NOW)
    with pytest.raises(ConflictError, match="ann works on this account"):
        claim_item(parts.store, "account", "a", bob, NOW)
    claim_item(parts.store, "account", "a", bob, NOW + CLAIM_TIME)
    release_item(parts.store, "account", "a", ann)
    with pytest.raises(ConflictError, match="bob"):
        claim_item(parts.store, "account", "a", ann, NOW + CLAIM_TIME)
    release_item(parts.store, "account", "a", bob)
    claim_item(parts.store, "account", "a", ann, NOW + CLAIM_TIME)


def test_the_next_item_is_one_that_nobody_works_on(browse: Open) -> None:
    first = browse("ann").post("/take-next").headers["location"]
    second = browse("bob").post("/take-next").headers["location"]
    assert first != second and "script" in first and account_id(1) in second
