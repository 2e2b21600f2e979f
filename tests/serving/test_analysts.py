"""Access to reasons."""

import pytest

from serving.analysts import ANYBODY, NOBODY, WrongTokenError, choose_readers, may_read

TOKEN = "sixteen letters or more"


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("127.0.0.1", ANYBODY), ("::1", ANYBODY), ("localhost", ANYBODY), ("10.0.0.1", NOBODY), ("a.example", NOBODY)],
)
def test_without_a_token_only_a_loopback_server_shows_reasons(host: str, allowed: str) -> None:
    assert choose_readers(None, host) == allowed
    assert may_read(None, allowed) is (allowed == ANYBODY)


def test_with_a_token_reasons_are_for_those_who_show_it_on_any_host() -> None:
    allowed = choose_readers(TOKEN, "127.0.0.1")
    assert allowed == choose_readers(TOKEN, "10.0.0.1")
    assert TOKEN not in allowed
    assert may_read(f"Bearer {TOKEN}".encode(), allowed)
    assert may_read(f"bearer  {TOKEN} ".encode(), allowed)
    assert not may_read(None, allowed)


WRONG = [b"Bearer another token of 16", b"Bearer", b"", TOKEN.encode(), b"Basic " + TOKEN.encode()]


@pytest.mark.parametrize("shown", WRONG)
def test_a_wrong_token_is_an_error_and_not_a_caller_without_one(shown: bytes) -> None:
    with pytest.raises(WrongTokenError, match="is not the analysts'"):
        may_read(shown, choose_readers(TOKEN, "127.0.0.1"))
