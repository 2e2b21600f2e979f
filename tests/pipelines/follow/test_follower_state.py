"""What a follower tells its web process."""

import time
from pathlib import Path

import pytest

from pipelines.follow.follower_state import FollowerState, read_state, write_state


def test_what_was_told_last_is_read(tmp_path: Path) -> None:
    for repeats in (1, 2):
        write_state(tmp_path, FollowerState(as_of=time.time(), repeats=repeats))
    assert read_state(tmp_path).repeats == 2
    assert read_state(tmp_path).is_current()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"other": 1}', b"\xff"])
def test_without_a_state_nothing_is_current(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "follow.json").write_bytes(content)
    assert not read_state(tmp_path).is_current()
