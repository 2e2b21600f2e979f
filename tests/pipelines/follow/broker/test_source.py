"""Addresses of brokers, and the names under which they are read."""

from pathlib import Path

import pytest

from features.errors import InputError
from pipelines.follow.broker import source
from pipelines.follow.broker.source import BrokerSource, check_name, consumer_name, parse_source, require_client


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("nats://h/EVENTS", BrokerSource("nats", ("h:4222",), "EVENTS")),
        ("nats://h:1/EVENTS/a.*.>", BrokerSource("nats", ("h:1",), "EVENTS", "a.*.>")),
        ("nats://a:1,b,[::1]:3/E", BrokerSource("nats", ("a:1", "b:4222", "[::1]:3"), "E")),
        ("kafka://h/requests.live?format=litellm", BrokerSource("kafka", ("h:9092",), "requests.live", ">", "litellm")),
    ],
)
def test_an_address_names_servers_and_a_stream_or_topic(address: str, parsed: BrokerSource) -> None:
    assert parse_source(address) == parsed


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("EVENTS", "is no address of a broker: expected nats://HOST:PORT/STREAM"),
        ("http://h/EVENTS", "is no address of a broker"),
        ("nats://[/EVENTS", "is no address of a broker"),
        ("nats://me:secret@h/EVENTS", "set STILLWATCH_BROKER_USER and STILLWATCH_BROKER_PASSWORD instead"),
        ("nats://h", "names no stream or topic"),
        ("nats://h/a.b/c", "names no stream or topic"),
        ("nats://h/EVENTS/a..b", "names no stream or topic"),
        ("kafka://h/topic/more", "names no stream or topic"),
        ("nats://h/EVENTS#secret", "names no stream or topic"),
        ("nats://h:port/EVENTS", "names no server or a port that is none"),
        ("nats:///EVENTS", "names no server"),
        ("nats://h/EVENTS?token=secret", "takes nothing but"),
        ("nats://h/EVENTS?format=telex", "there is no format 'telex': expected native"),
    ],
)
def test_another_address_gets_one_sentence_that_does_not_repeat_it(address: str, said: str) -> None:
    with pytest.raises(InputError, match="--from") as refused:
        parse_source(address)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_workspace_has_a_name_of_its_own_that_stays(tmp_path: Path) -> None:
    names = [consumer_name(tmp_path / folder) for folder in ("a", "a", "b")]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("stillwatch-")


def test_a_name_that_no_broker_takes_is_refused() -> None:
    assert check_name("--dead-letters", "dead.letters") == "dead.letters"
    with pytest.raises(InputError, match="--consumer must have 1 to 240 letters, digits, hyphens and underscores"):
        check_name("--consumer", "a.b", may_have_dots=False)


@pytest.mark.parametrize("kind", ["nats", "kafka"])
def test_a_client_that_is_not_installed_names_the_extra(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = parse_source(f"{kind}://h/EVENTS")
    require_client(asked)
    monkeypatch.setitem(source._LIBRARIES, kind, ("faststream", "no_such_library"))
    with pytest.raises(InputError, match=rf"needs the extra '{kind}', which is not installed"):
        require_client(asked)
