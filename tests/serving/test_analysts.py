"""Access to reasons."""

import pytest

from serving.analysts import ANYBODY, NOBODY, WrongTokenError, choose_readers, may_read

TOKEN = "sixteen letters or more"


@pytest.mark.parametrize(
    ("host", "who"),
    [("127.0.0.1", ANYBODY), ("::1", ANYBODY), ("localhost", ANYBODY), ("10.0.0.1", NOBODY), ("a.example", NOBODY)],
)
def test_without_a_token_only_a_loopback_server_shows_reasons(host: str, who: str) -> None:
    assert choose_readers(None, host) == who
    assert may_read(None, who) is (who == ANYBODY)


def test_with_a_token_reasons_are_for_those_who_show_it_on_any_host() -> None:
    who = choose_readers(TOKEN, "127.0.0.1")
    assert who == choose_readers(TOKEN, "10.0.0.1")
    assert TOKEN not in who
    assert may_read(f"Bearer {TOKEN}".encode(), who)
    assert may_read(f"bearer  {TOKEN} ".encode(), who)
    assert not may_read(None, who)


WRONG = [b"Bearer another token of 16", b"Bearer", b"", TOKEN.encode(), b"Basic " + TOKEN.encode()]


@pytest.mark.parametrize("shown", WRONG)
def test_a_wrong_token_is_an_error_and_not_a_caller_without_one(shown: bytes) -> None:
    with pytest.raises(WrongTokenError, match="is not the analysts'"):
        may_read(shown, choose_readers(TOKEN, "127.0.0.1"))
