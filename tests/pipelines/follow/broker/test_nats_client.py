"""Reading NATS JetStream, from a real server."""

import asyncio
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError
from pydantic import SecretStr

from benchmarks.speed.nats_server import NatsServer
from pipelines.follow.broker import consuming, settling
from pipelines.follow.broker.access import BrokerAccess
from pipelines.follow.broker.nats_client import NatsClient, covers
from pipelines.follow.broker.source import BrokerReading, parse_source
from tests.deployed_metrics import metrics_of
from tests.pipelines.follow.broker.conftest import reading_broker, run, until, until_settled
from tests.pipelines.follow.taking.test_bodies import lines, record

Said = Callable[[], list[str]]


def reading(server: NatsServer, path: str = "EVENTS", dead_letters: str | None = None) -> BrokerReading:
    return BrokerReading(parse_source(f"nats://{server.address}/{path}"), "stillwatch-test", dead_letters)


def test_a_broker_that_comes_late_and_goes_is_told_of_once_and_read_again(nats_server: NatsServer, said: Said) -> None:
    async def test() -> None:
        async with reading_broker(reading(nats_server), NatsClient) as reader:
            await until(lambda: len(said()) == 1)
            await asyncio.sleep(1.5)
            assert [line for line in said() if "Connect call failed" in line] == said()[:1]
            assert not reader.consuming.is_connected
            for number in (1, 2):
                nats_server.start()
                async with nats_server.streams() as streams:
                    if number == 1:
                        await streams.add_stream(name="EVENTS", subjects=["events.>"])
                    await streams.publish("events.a", lines([record(number)]))
                    await until(lambda: reader.journal.events == number)  # noqa: B023
                    assert reader.consuming.is_connected
                nats_server.kill()
                await until(lambda: not reader.consuming.is_connected)
            assert reader.metric("stillwatch_broker_connected") == 0
            assert reader.metric("stillwatch_broker_connections_total") == 2
            assert sum("is read again" in line for line in said()) == 2

    run(test())


def test_messages_are_taken_as_bodies_are_and_acknowledged(nats_server: NatsServer) -> None:
    bodies = [
        (lines([record(1), record(2)]), {}),
        (gzip.compress(json.dumps([record(3)]).encode(), mtime=0), {"Content-Encoding": "gzip"}),
        (json.dumps(record(4)).encode(), {"content-type": "text/plain", "reply_to": "events.a"}),
    ]

    async def test() -> None:
        nats_server.start()
        async with nats_server.streams() as streams:
            await streams.add_stream(name="EVENTS", subjects=["events.>", "other"])
            await streams.publish("other", lines([record(5)]))
            for body, headers in bodies:
                await streams.publish("events.a", body, headers=headers)
            async with reading_broker(reading(nats_server, "EVENTS/events.*"), NatsClient) as reader:
                await until(lambda: reader.journal.events == 4)
                info = await until_settled(streams)
                assert (info.num_pending, info.num_redelivered) == (0, 0)
                assert reader.metric('stillwatch_broker_messages_total{outcome="taken"}') == 3

    run(test())


@pytest.mark.parametrize("dead_letters", [None, "dead.letters"])
def test_a_message_that_nobody_can_read_does_not_come_again(
    dead_letters: str | None, nats_server: NatsServer, said: Said
) -> None:
    poison = [
        (b'[{"prompt": "canary"', {}, "the body can't be read as JSON (an object is broken off, or no JSON)"),
        (b"canary \xff\x00", {"content-type": "application/json"}, "no record keeps the contract; record|utf8"),
        (b"canary", {"Content-Encoding": "gzip"}, "the body can't be unpacked by gzip"),
        (b"", {}, "the body holds no record"),
    ]

    async def test() -> None:
        nats_server.start()
        async with nats_server.streams() as streams:
            await streams.add_stream(name="EVENTS", subjects=["events"])
            await streams.add_stream(name="DEAD", subjects=["dead.*"])
            for body, headers, _ in poison:
                await streams.publish("events", body, headers=headers)
            await streams.publish("events", lines([record(1), record(2, channel="canary")]))
            async with reading_broker(reading(nats_server, dead_letters=dead_letters), NatsClient) as reader:
                await until(lambda: reader.metric('stillwatch_broker_messages_total{outcome="rejected"}') == 4)
                await until(lambda: reader.journal.events == 1)
                info = await until_settled(streams)
                assert (info.num_redelivered, info.delivered.stream_seq) == (0, 5)
            state = (await streams.stream_info("DEAD")).state
            assert state.messages == (4 if dead_letters else 0)
            for number in range(1, state.messages + 1):
                letter = await streams.get_msg("DEAD", number)
                (reason,) = [why for body, _, why in poison if body == (letter.data or b"")]
                assert (letter.headers or {})[settling.REASON].startswith(reason)

    run(test())
    unreadable = [line for line in said() if "does not come again" in line]
    assert len(unreadable) == 1
    assert unreadable[0].startswith("message ") and " of the stream EVENTS" in unreadable[0]
    assert len([line for line in said() if "1 of its records are left out; channel|regex" in line]) == 1
    assert "canary" not in "\n".join(said())


def test_what_is_not_durable_is_not_acknowledged_and_taken_once_later(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_LONGEST_WAIT", 0.3)
    monkeypatch.setattr(consuming, "CHECK_SECONDS", 0.1)

    async def test() -> None:
        nats_server.start()
        async with nats_server.streams() as streams:
            await streams.add_stream(name="EVENTS", subjects=["events"])
            async with reading_broker(reading(nats_server), NatsClient) as reader:
                reader.journal.error = OSError(28, "No space left on device")
                for number in range(3):
                    await streams.publish("events", lines([record(number)]))
                await until(lambda: reader.metric('stillwatch_broker_messages_total{outcome="waited"}') >= 6)
                info = await streams.consumer_info("EVENTS", "stillwatch-test")
                assert (info.num_ack_pending, info.ack_floor.stream_seq, reader.journal.events) == (3, 0, 0)
                await until(lambda: reader.metric("stillwatch_broker_waiting_messages") == 3)
                reader.journal.error = None
                await until(lambda: reader.journal.events == 3)
                info = await until_settled(streams)
                assert info.num_redelivered == 0
                await until(lambda: reader.metric("stillwatch_broker_waiting_messages") == 0)
                assert all(reader.metric(name) >= 0 for name in metrics_of("broker"))

    run(test())


def test_a_lost_stream_or_another_consumer_is_told_of(nats_server: NatsServer, said: Said) -> None:
    async def test() -> None:
        nats_server.start()
        async with nats_server.streams() as streams:
            await streams.add_stream(name="EVENTS", subjects=["a", "b"])
            await streams.add_consumer("EVENTS", ConsumerConfig(durable_name="stillwatch-test", filter_subject="b"))
            async with reading_broker(reading(nats_server, "EVENTS/a"), NatsClient):
                await until(lambda: any("reads other subjects" in line for line in said()))
            await streams.add_consumer("EVENTS", ConsumerConfig(durable_name="pushed", deliver_subject="elsewhere"))
            async with reading_broker(replace(reading(nats_server), consumer="pushed"), NatsClient):
                await until(lambda: any("the consumer pushed is no pull consumer" in line for line in said()))
            async with reading_broker(reading(nats_server, dead_letters="a"), NatsClient):
                await until(lambda: any("would be read again" in line for line in said()))
            async with reading_broker(reading(nats_server, dead_letters="nowhere"), NatsClient):
                await until(lambda: any("no stream stores the dead letters' subject" in line for line in said()))
            async with reading_broker(reading(nats_server), NatsClient) as reader:
                await until(lambda: reader.consuming.is_connected)
                await streams.delete_stream("EVENTS")
                await until(lambda: any("there is no such stream" in line for line in said()))
                with pytest.raises(NotFoundError, match="stream not found"):  # nobody made another one
                    await streams.stream_info("EVENTS")
                await streams.add_stream(name="EVENTS", subjects=["a"])
                await streams.publish("a", lines([record(1)]))
                await until(lambda: reader.journal.events == 1)

    run(test())


def test_a_connection_that_the_server_closes_for_good_freezes_nothing(nats_server: NatsServer, said: Said) -> None:
    clients: list[NatsClient] = []

    def connect(*arguments: Any) -> NatsClient:
        clients.append(NatsClient(*arguments))
        return clients[-1]

    async def test() -> None:
        nats_server.start()
        async with nats_server.streams() as streams:
            await streams.add_stream(name="EVENTS", subjects=["events"])
            async with reading_broker(reading(nats_server), connect) as reader:
                await until(lambda: reader.consuming.is_connected)
                connection = clients[0]._connection
                assert connection is not None
                await connection.close()
                await until(lambda: not reader.consuming.is_connected)
                await streams.publish("events", lines([record(1)]))
                await until(lambda: reader.journal.events == 1)

    run(test())
    assert len(clients) == 2


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(signed.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def test_a_password_is_shown_under_tls_and_told_to_nobody(tmp_path: Path, nats_server: NatsServer, said: Said) -> None:
    public, private = certificate(tmp_path)
    tls = f'tls {{ cert_file: "{public}", key_file: "{private}" }}'
    nats_server.options = f"authorization {{ user: follow, password: opensesame }}\n{tls}"
    right = BrokerAccess("follow", SecretStr("opensesame"), is_encrypted=True, authority=public)
    wrong = BrokerAccess("follow", SecretStr("closesesame"), is_encrypted=True, authority=public)
    stranger = BrokerAccess("follow", SecretStr("opensesame"), is_encrypted=True)

    async def test() -> None:
        nats_server.start()
        async with reading_broker(reading(nats_server), NatsClient, wrong):
            await until(lambda: any("uthorization" in line for line in said()))
        async with reading_broker(reading(nats_server), NatsClient, stranger):
            await until(lambda: any("CERTIFICATE_VERIFY_FAILED" in line for line in said()))
        async with nats_server.streams(user="follow", password="opensesame", tls=right.context()) as streams:
            await streams.add_stream(name="EVENTS", subjects=["events"])
            await streams.publish("events", lines([record(1)]))
        async with reading_broker(reading(nats_server), NatsClient, right) as reader:
            await until(lambda: reader.journal.events == 1)

    run(test())
    assert "sesame" not in "\n".join(said())


@pytest.mark.parametrize(
    ("pattern", "subject", "is_covered"),
    [
        (">", "a", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.b", "a.c", False),
        ("a.b.c", "a.b", False),
        ("*.b", "a.b", True),
    ],
)
def test_a_pattern_covers_subjects_as_in_nats(pattern: str, subject: str, is_covered: bool) -> None:
    assert covers(pattern, subject) is is_covered
