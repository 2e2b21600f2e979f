"""How many messages are fetched, and how often those that nobody can read are told of."""

from collections.abc import Callable

from pipelines.follow.broker.settling import FETCHED_BYTES, MOST_MESSAGES, BatchSize, Complaints


def test_few_messages_are_fetched_until_their_size_shows() -> None:
    size = BatchSize()
    assert size.fitting() == FETCHED_BYTES >> 20
    for _ in range(300):
        size.note(500)
    assert size.fitting() == MOST_MESSAGES
    size.note(FETCHED_BYTES * 2)
    assert size.fitting() == 1


def test_a_flood_of_unreadable_messages_makes_a_line_every_ten_seconds(said: Callable[[], list[str]]) -> None:
    now = 0.0
    complaints = Complaints(_clock=lambda: now)
    for second in range(12):
        now = float(second)
        complaints.add(f"message {second}", "no JSON")
    assert said() == ["message 0: no JSON", "message 10, and 9 before it: no JSON"]
