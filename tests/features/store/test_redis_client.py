"""The connection to Redis: its password stays in the process, and a row is replaced whatever its time."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pytest

from features.store.lookup import FeatureLookup
from features.store.redis_client import bare_address, connect_redis
from tests.features.store.conftest import PASSWORD, TIME, features_of, needs_redis


@needs_redis
def test_no_file_holds_the_password_of_a_server_that_wants_one(tmp_path: Path, redis_url: str) -> None:
    lookup = FeatureLookup(tmp_path / "features", redis_url)
    lookup.write(features_of(["a"]), TIME, "stamp")
    assert lookup.materialize(TIME)
    assert lookup.online(["a"]).as_of == [TIME]
    words = {PASSWORD.encode(), unquote(PASSWORD).encode(), b"horse"}
    files = [path for path in (tmp_path / "features").rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not [path for path in files if any(word in path.read_bytes() for word in words)]


@needs_redis
def test_a_row_gives_way_to_one_of_the_same_time_and_to_one_of_an_earlier_time(tmp_path: Path, redis_url: str) -> None:
    lookup = FeatureLookup(tmp_path / "features", redis_url)
    group = pl.DataFrame({"account_id": ["a"], "campaign_id": ["c"], "ties": [None], "lift": [1.5]})
    for as_of in (TIME, TIME - timedelta(days=1)):
        lookup.write(features_of(["a"], as_of), as_of, "stamp")
    assert lookup.materialize(TIME)
    assert lookup.materialize(TIME, groups=group)
    assert lookup.online(["a"]).lift.tolist() == [1.5]
    assert lookup.materialize(TIME - timedelta(days=1), now=TIME - timedelta(hours=1))
    online = lookup.online(["a"])
    assert (online.as_of, online.lift.tolist()) == ([TIME - timedelta(days=1)], [0.0])


def test_an_address_is_shown_without_what_is_secret() -> None:
    assert bare_address("rediss://user:secret@cache.example:7000/3?ssl_ca_certs=ca.pem") == "cache.example:7000"
    assert bare_address("redis://localhost") == "localhost:6379"


def test_an_encrypted_address_gives_an_encrypted_connection_with_user_and_database() -> None:
    client = connect_redis("rediss://user:p%40ss@cache.example:7000/3?ssl_cert_reqs=required", 0.1)
    options = client.connection_pool.connection_kwargs
    assert client.connection_pool.connection_class.__name__ == "SSLConnection"
    assert (options["username"], options["password"], options["db"]) == ("user", "p@ss", 3)
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.1, 0.1)


def test_a_server_that_is_not_there_is_given_up_at_once() -> None:
    from redis.exceptions import ConnectionError as ConnectionLostError

    with pytest.raises(ConnectionLostError, match="refused"):
        connect_redis("redis://127.0.0.1:1/0", 0.1).ping()
