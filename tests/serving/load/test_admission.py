"""What is under way at a time, and how often a key may call."""

from collections import deque
from contextlib import AbstractContextManager, suppress

import pytest

from serving.load.admission import LEAST_CALLS, MOST_CALLS, WAIT_SECONDS, Admission, KeyRates, OverloadError


def test_calls_beyond_the_limit_are_refused_until_one_has_ended() -> None:
    admission = Admission(most_calls=2)
    with admission.admitted(1):
        with admission.admitted(1), pytest.raises(OverloadError, match="too many calls"):
            admission.check()
        with admission.admitted(1):
            pass
    assert (admission.calls, admission.accounts, admission.refused) == (0, 0, 1)


@pytest.mark.parametrize("pace", [40, 160, 600, 3_000])
def test_at_five_times_the_capacity_all_of_it_is_answered_and_nobody_waits_for_long(pace: int) -> None:
    """A server that answers one call after another, while others come five times as fast."""
    now, waits = 0.0, list[float]()
    waiting = deque[tuple[float, AbstractContextManager[None]]]()
    admission = Admission(clock=lambda: now)
    for turn in range(10 * pace):
        now = turn / pace
        if waiting:
            came, call = waiting.popleft()
            call.__exit__(None, None, None)
            waits.append(now - came)
        for _ in range(5):
            with suppress(OverloadError):
                call = admission.admitted(1)
                call.__enter__()
                waiting.append((now, call))
    assert len(waits) >= 9.9 * pace
    first, later = sorted(waits[: 2 * pace]), sorted(waits[2 * pace :])
    assert first[-1] <= 64 / pace + 1e-6
    assert later[int(0.99 * len(later))] < max(1.5 * WAIT_SECONDS, (LEAST_CALLS + 1) / pace)
    assert admission.limit == max(LEAST_CALLS, min(MOST_CALLS, round(pace * WAIT_SECONDS)))


def test_large_calls_take_long_by_themselves_and_lower_no_limit_which_rises_again_when_calls_are_quick() -> None:
    now = 0.0
    admission = Admission(clock=lambda: now)
    for accounts, seconds, limits in ((1_000, 1.0, {64}), (1, 1.0, {LEAST_CALLS, LEAST_CALLS + 1}), (1, 0.001, {64})):
        for _ in range(60):
            with admission.admitted(accounts):
                now += seconds
        assert admission.limit in limits


def test_accounts_beyond_the_limit_are_refused_but_a_large_call_alone_is_admitted() -> None:
    admission = Admission(most_accounts=100)
    with admission.admitted(1_000), pytest.raises(OverloadError, match="too many accounts"), admission.admitted(1):
        pass
    with admission.admitted(1_000):
        assert admission.accounts == 1_000


def test_bytes_of_bodies_are_counted_and_given_back_also_after_a_refusal() -> None:
    admission = Admission(most_bytes=100)
    with admission.holding() as first:
        first.add(60)
        with admission.holding() as second:
            second.add(40)
            with pytest.raises(OverloadError, match="too many bytes") as caught:
                second.add(1)
        assert admission.held_bytes == 60
    assert (admission.held_bytes, admission.refused, caught.value.wait) == (0, 1, 1)


def test_a_key_has_a_pace_of_its_own_and_says_when_it_may_come_again() -> None:
    rates = KeyRates(2.0)
    for _ in range(2):
        rates.take("a", 10.0)
    with pytest.raises(OverloadError, match="this key") as caught:
        rates.take("a", 10.0)
    assert caught.value.wait == 1
    rates.take("b", 10.0)
    rates.take("a", 10.5)
    slow = KeyRates(0.1)
    slow.take("a", 0.0)
    with pytest.raises(OverloadError, match="this key") as caught:
        slow.take("a", 1.0)
    assert caught.value.wait == 9


def test_the_paces_of_ten_thousand_keys_are_remembered_and_no_more() -> None:
    rates = KeyRates(1.0)
    for row in range(10_050):
        rates.take(f"key-{row}", 0.0)
    assert len(rates._buckets) == 10_000
