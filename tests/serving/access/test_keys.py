"""Access keys: what is stored of them, and what they open when."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features.errors import InputError, IntegrityError
from serving.access.keys import SCOPES, KeyFile

NOW = datetime(2026, 6, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "access" / "keys.json")


def test_a_key_opens_its_scopes_and_no_others(keys: KeyFile) -> None:
    text, made = keys.create("gateway", ["score", "events"], NOW)
    shown = keys.find(text, NOW)
    assert shown == made
    assert [scope for scope in SCOPES if made.opens(scope)] == ["score", "events"]


def test_an_admin_key_opens_all_scopes(keys: KeyFile) -> None:
    _, made = keys.create("operator", ["admin"], NOW)
    assert all(made.opens(scope) for scope in SCOPES)


def test_the_secret_is_nowhere_in_the_file_which_only_its_owner_reads(keys: KeyFile) -> None:
    text, made = keys.create("gateway", ["score"], NOW)
    stored = keys.path.read_text()
    assert text.rpartition("_")[2] not in stored and made.key_id in stored
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert keys.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("change", ["", "x", "sw_", "cut", "secret", "another"])
def test_any_other_text_is_no_key(keys: KeyFile, change: str) -> None:
    text, made = keys.create("gateway", ["score"], NOW)
    other, _ = keys.create("other", ["score"], NOW)
    texts = {
        "cut": text[:-1],
        "secret": text[:-1] + ("A" if text[-1] != "A" else "B"),
        "another": f"sw_{made.key_id}_{other.rpartition('_')[2]}",
    }
    assert keys.find(texts.get(change, change), NOW) is None


def test_while_a_key_is_rotated_both_are_valid_and_then_only_the_new_one(keys: KeyFile) -> None:
    old, made = keys.create("gateway", ["score", "reasons"], NOW)
    new, replaced = keys.rotate(made.key_id, NOW, HOUR)
    assert (replaced.name, replaced.scopes) == (made.name, made.scopes)
    within, after = NOW + HOUR - timedelta(seconds=1), NOW + HOUR
    assert [keys.find(text, within) is not None for text in (old, new)] == [True, True]
    assert [keys.find(text, after) is not None for text in (old, new)] == [False, True]
    with pytest.raises(InputError, match=r"ends at 2026-06-01T11:00:00\+00:00 already"):
        keys.rotate(made.key_id, NOW, HOUR)


def test_a_revoked_key_opens_nothing_for_a_server_that_is_running(keys: KeyFile) -> None:
    text, made = keys.create("gateway", ["score"], NOW)
    server = KeyFile(keys.path)
    assert server.find(text, NOW) is not None
    keys.revoke(made.key_id, NOW)
    assert server.find(text, NOW) is None
    with pytest.raises(InputError, match="there is no valid key"):
        keys.revoke(made.key_id, NOW)


@pytest.mark.parametrize(
    ("name", "scopes", "said"),
    [
        ("gateway", ["score", "everything"], "expected one or more of score, reasons, events, metrics, admin"),
        ("gateway", [], "scopes are missing: expected one or more of"),
        ("-", ["score"], "the name '-' is none"),
        ("taken", ["score"], "a key named 'taken' is valid already: rotate it, or give another --name"),
    ],
)
def test_what_is_no_key_is_refused(keys: KeyFile, name: str, scopes: list[str], said: str) -> None:
    keys.create("taken", ["score"], NOW)
    with pytest.raises(InputError, match=said):
        keys.create(name, scopes, NOW)
    assert [key.name for key in keys.stored()] == ["taken"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"key_id": "a"}]', "\ud800"])
def test_a_file_of_something_else_is_refused(keys: KeyFile, content: str) -> None:
    keys.path.parent.mkdir()
    keys.path.write_bytes(content.encode(errors="surrogatepass"))
    with pytest.raises(IntegrityError, match=r"keys.json does not hold access keys: restore it from a copy"):
        keys.stored()


def test_nothing_of_a_key_but_its_digest_is_stored(keys: KeyFile) -> None:
    keys.create("gateway", ["score"], NOW)
    (row,) = json.loads(keys.path.read_text())
    assert sorted(row) == ["created_at", "digest", "key_id", "name", "salt", "scopes", "valid_until"]
