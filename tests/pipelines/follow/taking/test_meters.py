"""The lag of a follower: counted from the oldest event that no refresh has brought online."""

from dataclasses import dataclass, field, replace

from pipelines.follow.follower_state import FollowerState
from pipelines.follow.taking.bodies import Taken
from pipelines.follow.taking.meters import Meters
from serving.telemetry.tallies import exposition


@dataclass
class Moment:
    """A follower whose clock and state the test sets."""

    now: float = 1_000.0
    state: FollowerState = field(default_factory=FollowerState)

    def meters(self) -> Meters:
        return Meters(lambda: self.state, now=lambda: self.now)

    def refresh(self) -> None:
        self.state = replace(self.state, as_of=self.now)


def test_the_lag_grows_until_a_refresh_that_began_after_the_event() -> None:
    moment = Moment()
    meters = moment.meters()
    assert meters.lag(moment.state) == 0
    meters.note_accepted()
    moment.now += 5
    meters.note_accepted()
    moment.now += 2
    assert meters.lag(moment.state) == 7
    moment.state = FollowerState(as_of=1_003.0)  # began before the second event
    assert meters.lag(moment.state) == 2
    moment.refresh()
    assert meters.lag(moment.state) == 0


def test_an_event_within_a_second_of_another_waits_for_a_refresh_after_both() -> None:
    moment = Moment()
    meters = moment.meters()
    meters.note_accepted()
    moment.now += 0.4
    meters.note_accepted()
    moment.state = FollowerState(as_of=1_000.2)
    assert meters.lag(moment.state) > 0
    moment.now += 1
    moment.refresh()
    assert meters.lag(moment.state) == 0


def test_a_day_without_a_refresh_keeps_the_oldest_and_bounds_the_memory() -> None:
    moment = Moment()
    meters = moment.meters()
    for _ in range(100_000):
        meters.note_accepted()
        moment.now += 1
    assert meters.lag(moment.state) == 100_000
    assert len(meters._accepted) == 86_400


def test_what_became_of_records_and_the_follower_s_state_are_shown() -> None:
    meters = Moment(state=FollowerState(as_of=5.0, repeats=3, failures=2, grouping_failures=4)).meters()
    meters.count(Taken(taken=7, rejected=2))
    text = exposition(meters.collect())
    for line in (
        'stillwatch_events_total{outcome="taken"} 7.0',
        'stillwatch_events_total{outcome="skipped"} 0.0',
        "stillwatch_events_repeated_total 3.0",
        "stillwatch_follow_as_of_timestamp_seconds 5.0",
        "stillwatch_follow_failures_total 2.0",
        "stillwatch_follow_grouping_failures_total 4.0",
        "stillwatch_bodies_refused_total 0.0",
        "stillwatch_audit_failures_total 0.0",
    ):
        assert line in text.splitlines()
