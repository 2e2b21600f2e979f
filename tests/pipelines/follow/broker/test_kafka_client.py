"""Reading Kafka, through librdkafka's cluster for tests: another process, and the real protocol over TCP."""

import asyncio
import gzip
import json
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from pipelines.follow.broker import consuming, kafka_client, settling
from pipelines.follow.broker.kafka_client import KafkaClient
from pipelines.follow.broker.source import BrokerReading, parse_source
from tests.pipelines.follow.broker.conftest import reading_broker, run, until
from tests.pipelines.follow.taking.test_bodies import lines, record

Said = Callable[[], list[str]]


def reading(kafka: str, topic: str, dead_letters: str | None = None) -> BrokerReading:
    return BrokerReading(parse_source(f"kafka://{kafka}/{topic}"), f"group-{topic}", dead_letters)


def publish(kafka: str, topic: str, *bodies: tuple[bytes, dict[str, str | bytes | None]]) -> None:
    producer = Producer({"bootstrap.servers": kafka, "acks": "all"})
    for body, headers in bodies:
        producer.produce(topic, body, headers=headers, partition=0)
    assert producer.flush(10) == 0


def committed(kafka: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": f"group-{topic}"})
    try:
        return max(0, consumer.committed([TopicPartition(topic, 0)], timeout=10)[0].offset)
    finally:
        consumer.close()


def test_messages_are_taken_as_bodies_are_and_committed(kafka: str) -> None:
    publish(
        kafka,
        "plain",
        (lines([record(1), record(2)]), {}),
        (
            gzip.compress(json.dumps([record(3)]).encode(), mtime=0),
            {"Content-Encoding": "gzip", "odd": b"\xff", "none": None},
        ),
    )

    async def test() -> None:
        async with reading_broker(reading(kafka, "plain"), KafkaClient) as reader:
            await until(lambda: committed(kafka, "plain") == 2)
            assert reader.journal.events == 3
            assert reader.consuming.is_connected

    run(test())


def test_a_message_that_nobody_can_read_goes_to_the_dead_letters_and_does_not_come_again(
    kafka: str, said: Said
) -> None:
    publish(kafka, "events", (b"canary", {}), (b"", {}), (lines([record(1)]), {}))

    async def test() -> None:
        async with reading_broker(reading(kafka, "events", "dead"), KafkaClient) as reader:
            await until(lambda: committed(kafka, "events") == 3)
            assert reader.journal.events == 1
            assert reader.metric('stillwatch_broker_messages_total{outcome="rejected"}') == 2

    run(test())
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "dead", "auto.offset.reset": "earliest"})
    consumer.subscribe(["dead"])
    letters = consumer.consume(2, timeout=15)
    consumer.close()
    assert {letter.value() or b"" for letter in letters} == {b"canary", b""}
    reasons = [dict(letter.headers() or [])[settling.REASON] for letter in letters]
    assert any(reason.startswith(b"no record keeps the contract; record|json") for reason in reasons)
    assert len(said()) == 1
    assert "in partition 0 of the topic events" in said()[0]
    assert "canary" not in said()[0]


def test_what_is_not_durable_is_not_committed_and_comes_again(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "_LONGEST_WAIT", 0.3)
    monkeypatch.setattr(consuming, "CHECK_SECONDS", 0.1)
    publish(kafka, "held", *((lines([record(number)]), {}) for number in range(3)))

    async def test() -> None:
        async with reading_broker(reading(kafka, "held"), KafkaClient) as reader:
            reader.journal.error = OSError(28, "No space left on device")
            await until(lambda: reader.metric('stillwatch_broker_messages_total{outcome="waited"}') >= 6)
            assert (committed(kafka, "held"), reader.journal.events) == (0, 0)
            await until(lambda: reader.metric("stillwatch_broker_waiting_messages") == 3)
        async with reading_broker(reading(kafka, "held"), KafkaClient) as reader:
            await until(lambda: reader.journal.events == 3)
            await until(lambda: committed(kafka, "held") == 3)
            await until(lambda: reader.metric("stillwatch_broker_waiting_messages") == 0)

    run(test())


def test_a_broker_that_is_not_there_is_told_of_once(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_client, "_ANSWER_SECONDS", 1.0)

    async def test() -> None:
        async with reading_broker(reading("127.0.0.1:9", "events"), KafkaClient) as reader:
            await until(lambda: len(said()) > 0)
            await asyncio.sleep(1.5)
            assert not reader.consuming.is_connected

    run(test())
    assert len(set(said())) == len(said())  # each reason once
    assert said()[0].startswith("the topic events of kafka://127.0.0.1:9 can't be read (")
