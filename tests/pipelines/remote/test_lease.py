"""The lock on an object store: one owner at a time, renewed, taken over from the dead, and missed by who lost it."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from features.errors import InputError, StillwatchError
from pipelines.remote.lease import EXPIRY, LOCK, Lease, Owner
from pipelines.remote.object_store import ObjectStore

SOON = timedelta(seconds=2)
Take = Callable[..., Lease]


@pytest.fixture
def take(store: ObjectStore, address: str) -> Iterator[Take]:
    """Takes the lock, as a command that works in a folder."""
    leases = []

    def acquire(command: str, folder: str, expiry: timedelta = EXPIRY) -> Lease:
        owner = Owner(command, 12, "here", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        lease = Lease(store, address, owner, folder, expiry)
        lease.acquire()
        leases.append(lease)
        return lease

    yield acquire
    for lease in leases:
        lease.release()


def test_a_second_owner_is_refused_with_the_name_of_the_first_until_that_ends(take: Take, address: str) -> None:
    first = take("ingest", "a")
    with pytest.raises(InputError, match=rf"`stillwatch ingest` \(process 12 on here, .* writes to {address}: wait"):
        take("build", "b")
    first.check()
    first.release()
    take("build", "b").check()


def test_a_lock_that_a_dead_process_of_the_same_folder_left_is_taken_at_once(take: Take) -> None:
    take("ingest", "a")
    take("build", "a").check()


def test_a_lock_that_is_not_renewed_is_taken_over_and_its_owner_stores_nothing_more(
    take: Take, store: ObjectStore, address: str
) -> None:
    sleeper = take("ingest", "a", SOON)
    sleeper._ended.set()  # it stands still
    with pytest.raises(InputError, match="wait for it to end"):
        take("build", "b", SOON)
    time.sleep(2 * SOON.total_seconds())
    other = take("build", "b", SOON)
    with pytest.raises(StillwatchError, match=rf"the lock of {address} was lost, .*: run the same command again"):
        sleeper.check()
    sleeper.release()
    other.check()
    assert store.read(LOCK) != (b"{}", "")


def test_an_owner_that_works_for_long_renews_its_lock(take: Take) -> None:
    owner = take("ingest", "a", SOON)
    first = owner._tag
    time.sleep(2 * SOON.total_seconds())
    assert owner._tag != first
    with pytest.raises(InputError, match="wait for it to end"):
        take("build", "b", SOON)
    owner.check()


def test_a_lock_that_somebody_removed_is_lost(take: Take, store: ObjectStore) -> None:
    owner = take("ingest", "a")
    store.delete({LOCK})
    with pytest.raises(StillwatchError, match="was lost"):
        owner.check()


def test_an_unreadable_lock_is_free(take: Take, store: ObjectStore) -> None:
    store.create(LOCK, b"\xff")
    take("ingest", "a").check()
