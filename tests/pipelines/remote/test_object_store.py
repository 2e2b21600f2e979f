"""Objects: of two writers one wins, and a store that can't be used is one sentence within seconds."""

import socket
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from features.errors import InputError
from pipelines.remote import object_store
from pipelines.remote.object_store import ObjectStore, StoreAccess, check_address
from pipelines.settings import settings
from tests.pipelines.remote.conftest import SECRET, ask


def test_an_object_is_made_once_and_replaced_only_by_who_has_seen_it(store: ObjectStore) -> None:
    tag = store.create("a/b", b"first")
    assert tag is not None
    assert store.create("a/b", b"second") is None
    assert store.create("a/b", b"first") == tag, "a call that was sent twice meets what it wrote itself"
    newer = store.replace("a/b", b"third", tag)
    assert newer is not None and newer != tag
    assert store.replace("a/b", b"fourth", tag) is None
    assert store.replace("a/c", b"fourth", tag) is None
    assert store.read("a/b") == (b"third", newer)


def test_objects_are_listed_read_and_deleted_below_their_address_only(
    store: ObjectStore, address: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    assert store.list() == {}
    tag = store.write("lake/a", tmp_path / "file")
    listed = store.list()
    assert [(path, item.size, item.tag) for path, item in listed.items()] == [("lake/a", 3_000_000, tag)]
    assert store.head("lake/a") == listed["lake/a"]
    assert ObjectStore(f"{address}x", settings().store_access()).list() == {}
    assert store.download("lake/a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "file").read_bytes()
    assert not store.download("lake/b", tmp_path / "none")
    assert (store.read("lake/b"), store.head("lake/b")) == (None, None)
    store.delete({"lake/a", "lake/b"})
    assert store.list() == {}


def test_the_time_is_the_stores_own(store: ObjectStore) -> None:
    assert abs(store.now().timestamp() - time.time()) < 5


@pytest.mark.parametrize(
    "text", ["s3://", "s3://B/x", "s3://ab", "s3://bucket//x", "s3://bucket/../x", "s3://bucket/ä"]
)
def test_an_address_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no s3://BUCKET/PREFIX of lower-case letters"):
        check_address(text)


def test_a_last_slash_makes_no_other_address() -> None:
    assert check_address("s3://bucket/A_b/c.d/") == "s3://bucket/A_b/c.d" == check_address("s3://bucket/A_b/c.d")
    assert check_address("s3://bucket/") == "s3://bucket"


def refused(address: str, endpoint: str) -> str:
    """The sentence of a store that can't be used, said within seconds."""
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"check|make|set ") as refusal:
        ObjectStore(address, StoreAccess(endpoint, "us-east-1", "name", SECRET, None)).list()
    assert time.monotonic() - begin < 20
    assert SECRET not in str(refusal.value) and "\n" not in str(refusal.value)
    return str(refusal.value)


def test_a_wrong_bucket_is_named(s3_endpoint: str) -> None:
    sentence = refused("s3://no-such-bucket/x", s3_endpoint)
    assert sentence == f"there is no bucket no-such-bucket at {s3_endpoint}: make it, or correct --workspace."


def test_an_endpoint_where_nobody_listens_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert refused("s3://bucket/x", endpoint).startswith(f"{endpoint} can't be used for s3://bucket/x (no answer)")


def test_an_endpoint_that_never_answers_is_left_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_ANSWER", timedelta(seconds=0.5))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "check AWS_ENDPOINT_URL" in refused("s3://bucket/x", endpoint)


def test_credentials_that_the_store_does_not_know_are_refused(s3_endpoint: str) -> None:
    assert ask(s3_endpoint, "POST", "/moto-api/reset-auth", b"0")[0] == 200
    try:
        sentence = refused("s3://bucket/x", s3_endpoint)
    finally:
        ask(s3_endpoint, "POST", "/moto-api/reset-auth", b"inf")
    assert sentence.startswith(f"{s3_endpoint} refused the access to s3://bucket/x (InvalidAccessKeyId)")
    assert "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in sentence


def test_without_the_extra_the_command_names_it(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(InputError, match=r"needs the extra 's3', .* `pip install 'stillwatch\[s3\]'`"):
        ObjectStore(address, settings().store_access())


def test_no_secret_is_in_the_words_of_an_access(
    set_variables: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_variables(AWS_ACCESS_KEY_ID="name", AWS_SECRET_ACCESS_KEY=SECRET, AWS_SESSION_TOKEN=SECRET)
    access: Any = settings().store_access()
    assert (access.secret, access.token) == (SECRET, SECRET)
    assert SECRET not in repr(access) + repr(settings())
