"""A connection to Kafka, through FastStream and librdkafka: messages are settled in batches, and then committed."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from faststream import AckPolicy
from faststream.confluent import KafkaBroker
from faststream.confluent.message import KafkaMessage

from pipelines.follow.broker.access import BrokerAccess
from pipelines.follow.broker.consuming import BrokerAwayError
from pipelines.follow.broker.settling import BrokerMessage, Settler, bury
from pipelines.follow.broker.source import BrokerReading

_ANSWER_SECONDS = 5.0
_END_SECONDS = 2.0  # that messages which are being taken have when the connection ends
_FETCH_SECONDS = 0.5  # that a message waits for others
_QUEUED_KILOBYTES = 32 * 1024  # that the library fetches ahead

_silent = logging.getLogger("stillwatch.follow.librdkafka")
_silent.propagate = False  # it repeats each failure for as long as the broker is away
_silent.addHandler(logging.NullHandler())


class KafkaClient:
    """Reads a topic as a member of a group.

    Args:
        reading: what is read, and how.
        settler: takes messages.
        access: what the brokers are shown.
    """

    def __init__(self, reading: BrokerReading, settler: Settler, access: BrokerAccess) -> None:
        self._reading, self._settler = reading, settler
        servers = ",".join(reading.source.servers)
        options = access.of_kafka()
        self._metadata = AdminClient(options | {"bootstrap.servers": servers}, logger=_silent)
        self._broker = KafkaBroker(
            servers,
            config=options | {"queued.max.messages.kbytes": _QUEUED_KILOBYTES},  # type: ignore[arg-type]
            client_id=reading.consumer,
            allow_auto_create_topics=False,
            acks="all",
            graceful_timeout=_END_SECONDS,
            apply_types=False,
            logger=None,
        )

    async def open(self) -> None:
        """See `BrokerClient`."""
        await self.check()
        try:
            self._subscribe()
            await self._broker.start()
        except KafkaException as error:
            raise BrokerAwayError(_reason(error)) from None

    async def check(self) -> int | None:
        """See `BrokerClient`."""
        if self._reading.dead_letters is not None:
            await asyncio.to_thread(self._check_topic, self._reading.dead_letters)
        partitions = await asyncio.to_thread(self._check_topic, self._reading.source.name)
        return await asyncio.to_thread(self._count_waiting, partitions)

    async def close(self) -> None:
        """See `BrokerClient`."""
        await self._broker.stop()

    def _check_topic(self, topic: str) -> list[int]:
        """Check that a topic is there; return its partitions."""
        try:
            metadata = self._metadata.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
        except KafkaException as failure:
            raise BrokerAwayError(_reason(failure)) from None
        if metadata.error is not None:
            raise BrokerAwayError(f"the topic {topic} can't be used: {metadata.error.str()}")
        return [*metadata.partitions]

    def _count_waiting(self, partitions: list[int]) -> int | None:
        """Count the messages between what the group has committed and the end; None where it may not ask for that."""
        group, topic = self._reading.consumer, self._reading.source.name
        asked = [TopicPartition(topic, partition) for partition in partitions]
        try:
            offsets = self._metadata.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, asked)], request_timeout=_ANSWER_SECONDS
            )[group].result()
            specs: Any = OffsetSpec  # its methods have no types
            begins, ends = (self._offsets(asked, spec) for spec in (specs.earliest(), specs.latest()))
        except KafkaException:
            return None
        committed = {part.partition: part.offset for part in offsets.topic_partitions or ()}
        read = {number: max(begins[number], committed.get(number, 0)) for number in partitions}  # negative: nothing yet
        return int(sum(max(0, ends[number] - read[number]) for number in partitions))

    def _offsets(self, asked: list[TopicPartition], spec: OffsetSpec) -> dict[int, int]:
        answers = self._metadata.list_offsets(dict.fromkeys(asked, spec), request_timeout=_ANSWER_SECONDS)
        return {part.partition: answer.result().offset for part, answer in answers.items()}

    def _subscribe(self) -> None:
        async def as_it_is(messages: tuple[Message, ...]) -> KafkaMessage:
            """Leave reading to us: FastStream's own would lose a message that it can't read."""
            assert subscriber.consumer is not None
            return KafkaMessage(raw_message=messages, body=b"", consumer=subscriber.consumer, is_manual=True)

        async def handle(message: KafkaMessage) -> None:
            await self._settle_all(message)
            subscriber.max_records = self._settler.sizes.fitting()

        subscriber = self._broker.subscriber(
            self._reading.source.name,
            group_id=self._reading.consumer,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            batch=True,
            max_records=self._settler.sizes.fitting(),
            polling_interval=_FETCH_SECONDS,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
        )
        subscriber(parser=as_it_is, decoder=_whole)(handle)

    async def _settle_all(self, batch: KafkaMessage) -> None:
        """Settle a batch, and commit its end once every message of it is settled."""
        messages = batch.raw_message if isinstance(batch.raw_message, tuple) else (batch.raw_message,)
        await asyncio.gather(*map(self._settle, messages))
        with suppress(KafkaException):  # the brokers send it again, and it adds nothing
            await batch.ack()

    async def _settle(self, message: Message) -> None:
        pairs: Any = message.headers() or ()
        headers = {name: _text(value) for name, value in pairs}
        body = message.value() or b""
        position = f"message {message.offset()} in partition {message.partition()} of the topic {message.topic()}"
        content = body if isinstance(body, bytes) else body.encode()
        reason = await self._settler.settle(BrokerMessage(content, headers, position), _nothing)
        if reason and self._reading.dead_letters is not None:
            await bury(lambda extra: self._send_dead_letter(content, headers | extra), reason, _nothing)

    async def _send_dead_letter(self, body: bytes, headers: dict[str, str]) -> None:
        assert self._reading.dead_letters is not None
        await self._broker.publish(body, self._reading.dead_letters, headers=headers)


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


async def _nothing() -> None:
    """Ask for no more time: the batch stays with this member of the group for as long as it lives."""


async def _whole(message: Any) -> Any:
    return message


def _reason(error: KafkaException) -> str:
    cause: Any = error.args[0] if error.args else None
    return str(cause.str()) if isinstance(cause, KafkaError) else type(error).__name__
