"""Times of day: profiles, sessions, gaps."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.traffic.rhythm import PROFILES, Clockwork, seconds_into_session, split_sessions


def test_hours_follow_the_profile_of_each_row() -> None:
    clockwork = Clockwork.make()
    rng = np.random.default_rng(1)
    for number, (name, weights) in enumerate(PROFILES.items()):
        hours = clockwork.hours(np.full(40_000, number), 2, rng.random(40_000))
        seen = np.bincount(hours.astype(int), minlength=24) / 40_000
        assert np.abs(seen - weights[2] / weights[2].sum()).max() < 0.01, name


def test_an_average_day_has_the_factor_one() -> None:
    clockwork = Clockwork.make()
    profile = np.arange(len(PROFILES))
    mean = np.mean([clockwork.day_factor(profile, day) for day in range(7)], axis=0)
    np.testing.assert_allclose(mean, 1.0)


@settings(max_examples=100, deadline=None)
@given(counts=st.lists(st.integers(0, 30), max_size=20), length=st.floats(1.0, 50.0), seed=st.integers(0, 9))
def test_sessions_hold_all_requests_and_never_two_accounts(counts: list[int], length: float, seed: int) -> None:
    numbers = np.array(counts, dtype=np.int64)
    account, session, position = split_sessions(numbers, np.full(len(numbers), length), np.random.default_rng(seed))
    assert np.array_equal(np.bincount(account, minlength=len(numbers)), numbers)
    assert len(session) == len(position) == numbers.sum()
    if len(session):
        owners = {(s, a) for s, a in zip(session.tolist(), account.tolist(), strict=True)}
        assert len(owners) == session.max() + 1
        assert (position[np.r_[True, np.diff(session) > 0]] == 0).all()


def test_time_within_a_session_is_the_running_sum_of_its_gaps() -> None:
    position = np.array([0, 1, 2, 0, 0, 1])
    gaps = np.array([9.0, 1.0, 2.0, 9.0, 9.0, 4.0])
    assert seconds_into_session(position, gaps).tolist() == [0.0, 1.0, 3.0, 0.0, 0.0, 4.0]
