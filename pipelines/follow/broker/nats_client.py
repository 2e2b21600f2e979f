"""A connection to NATS JetStream, through FastStream: a durable consumer, each message acknowledged for itself."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsMessage
from faststream.nats.security import NatsSecurity, NatsToken, NatsUserPassword
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.api import AckPolicy as ServerAckPolicy
from nats.js.api import ConsumerConfig, ConsumerInfo
from nats.js.errors import NotFoundError

from pipelines.follow.broker.access import BrokerAccess
from pipelines.follow.broker.consuming import BrokerAwayError
from pipelines.follow.broker.settling import MOST_MESSAGES, BrokerMessage, Settler, bury
from pipelines.follow.broker.source import BrokerReading

ACK_SECONDS = 15.0
"""After so long without a word the server sends a message again. A message that waits asks for more time every five
seconds; twice as much would delay what a killed follower had fetched."""
_ANSWER_SECONDS = 5.0
_END_SECONDS = 2.0  # that messages which are being taken have when the connection ends
_FETCH_SECONDS = 0.5  # that a message waits for others


class _Pull(PullSub[bool]):
    """What FastStream asks before each fetch.

    FastStream asks a closed connection again and again, and lets nothing else run meanwhile. A server closes one, for
    example, when it refuses a password that it took before. So fetching ends then.

    Args:
        settler: whose messages are fetched.
        is_closed: tells whether the connection is closed.
    """

    def __init__(self, settler: Settler, is_closed: Callable[[], bool]) -> None:
        self._settler, self._is_closed = settler, is_closed
        super().__init__(timeout=_FETCH_SECONDS)

    @property
    def batch_size(self) -> int:
        """Return how many messages to fetch."""
        if self._is_closed():
            raise asyncio.CancelledError
        return self._settler.sizes.fitting()

    @batch_size.setter
    def batch_size(self, _: int) -> None:
        """Take no fixed number."""


class NatsClient:
    """Reads a stream.

    Args:
        reading: what is read, and how.
        settler: takes messages.
        access: what the server is shown.
    """

    def __init__(self, reading: BrokerReading, settler: Settler, access: BrokerAccess) -> None:
        self._reading, self._settler = reading, settler
        self._connection: Client | None = None
        self._failed_servers = 0
        self._broker = NatsBroker(
            [f"nats://{server}" for server in reading.source.servers],
            security=_security(access),
            name=reading.consumer,
            max_reconnect_attempts=-1,  # else it is closed when it is lost: who made it closes it, and makes the next
            connect_timeout=int(_ANSWER_SECONDS),
            error_cb=self._note_error,
            graceful_timeout=_END_SECONDS,
            apply_types=False,
            logger=None,
        )

    async def open(self) -> None:
        """See `BrokerClient`."""
        try:
            self._connection = await self._broker.connect()
            self._streams: JetStreamContext = self._connection.jetstream(timeout=_ANSWER_SECONDS)
            _check_consumer(await self._consumer(), self._reading)
            await self._check_dead_letters()
            self._subscribe()
            await self._broker.start()
        except (OSError, Error) as error:
            raise BrokerAwayError(_reason(error)) from None

    async def check(self) -> int | None:
        """See `BrokerClient`."""
        if self._connection is None or not self._connection.is_connected:
            raise BrokerAwayError("the connection is lost")
        try:
            info = await self._streams.consumer_info(self._reading.source.name, self._reading.consumer)
        except (OSError, Error) as error:
            raise BrokerAwayError(_reason(error)) from None
        return int((info.num_pending or 0) + (info.num_ack_pending or 0))

    async def close(self) -> None:
        """See `BrokerClient`."""
        try:
            await self._broker.stop()
        finally:
            if self._connection is not None:  # a lost connection can't be drained, as FastStream would
                await self._connection.close()

    async def _note_error(self, error: Exception) -> None:
        """Give up a connection that none of the servers accepts; what goes wrong later shows where it is waited for."""
        self._failed_servers += 1
        if self._connection is None and self._failed_servers >= len(self._reading.source.servers):
            raise BrokerAwayError(_reason(error))

    def _is_closed(self) -> bool:
        return self._connection is None or self._connection.is_closed

    def _subscribe(self) -> None:
        source = self._reading.source
        subscriber = self._broker.subscriber(
            source.subject,
            stream=JStream(source.name, declare=False),
            durable=self._reading.consumer,
            pull_sub=_Pull(self._settler, self._is_closed),
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
        )
        subscriber(parser=_as_it_is, decoder=_whole)(self._handle)

    async def _consumer(self) -> ConsumerInfo:
        """Find the durable consumer, or make it: it begins with the oldest message that the stream holds."""
        source, name = self._reading.source, self._reading.consumer
        try:
            await self._streams.stream_info(source.name)
        except NotFoundError:
            raise BrokerAwayError("there is no such stream") from None
        with suppress(NotFoundError):
            existing: ConsumerInfo = await self._streams.consumer_info(source.name, name)
            return existing
        config = ConsumerConfig(
            name=name,
            durable_name=name,
            description="stillwatch follow",
            ack_policy=ServerAckPolicy.EXPLICIT,
            ack_wait=ACK_SECONDS,
            max_ack_pending=2 * MOST_MESSAGES,
            filter_subject=None if source.subject == ">" else source.subject,
        )
        made: ConsumerInfo = await self._streams.add_consumer(source.name, config)
        return made

    async def _check_dead_letters(self) -> None:
        """Check that dead letters are stored, and not read again."""
        subject, source = self._reading.dead_letters, self._reading.source
        if subject is None:
            return
        try:
            stream = await self._streams.find_stream_name_by_subject(subject)
        except NotFoundError:
            raise BrokerAwayError(f"no stream stores the dead letters' subject {subject}") from None
        if stream == source.name and covers(source.subject, subject):
            raise BrokerAwayError(f"dead letters of the subject {subject} would be read again: name another subject")

    async def _handle(self, message: NatsMessage) -> None:
        raw = message.raw_message
        headers = dict(raw.headers or {})
        position = f"message {raw.metadata.sequence.stream} of the stream {raw.metadata.stream}"
        hold = _holding(raw)
        reason = await self._settler.settle(BrokerMessage(raw.data, headers, position), hold)
        if reason and self._reading.dead_letters is not None:
            await bury(lambda extra: self._send_dead_letter(raw.data, headers | extra), reason, hold)
        with suppress(Error, OSError):  # the server sends it again, and it adds nothing
            await (message.reject() if reason else message.ack())

    async def _send_dead_letter(self, body: bytes, headers: dict[str, str]) -> None:
        assert self._reading.dead_letters is not None
        await self._streams.publish(self._reading.dead_letters, body, timeout=_ANSWER_SECONDS, headers=headers)


def covers(pattern: str, subject: str) -> bool:
    """Tell whether a pattern of subjects covers a subject."""
    parts = subject.split(".")
    for i, part in enumerate(pattern.split(".")):
        if part == ">":
            return len(parts) > i
        if i >= len(parts) or part not in ("*", parts[i]):
            return False
    return len(parts) == len(pattern.split("."))


def _check_consumer(info: ConsumerInfo, reading: BrokerReading) -> None:
    """Check that a consumer that was there does what is asked."""
    config, source = info.config, reading.source
    if config.deliver_subject is not None or config.headers_only or config.ack_policy != ServerAckPolicy.EXPLICIT:
        raise BrokerAwayError(
            f"the consumer {reading.consumer} is no pull consumer of whole messages with explicit acknowledgement"
        )
    subjects = set(config.filter_subjects or [config.filter_subject or ">"])
    if source.subject != ">" and subjects != {source.subject}:
        raise BrokerAwayError(f"the consumer {reading.consumer} reads other subjects: name another one by --consumer")


def _security(access: BrokerAccess) -> NatsSecurity | None:
    context = access.context()
    if access.user is not None and access.password is not None:
        return NatsUserPassword(access.user, access.password.get_secret_value(), ssl_context=context)
    if access.token is not None:
        return NatsToken(access.token.get_secret_value(), ssl_context=context)
    return None if context is None else NatsSecurity(ssl_context=context)


def _holding(message: Msg) -> Callable[[], Awaitable[None]]:
    async def hold() -> None:
        with suppress(Error, OSError):
            await message.in_progress()

    return hold


async def _as_it_is(message: Msg) -> NatsMessage:
    """Leave reading to us: FastStream's own would lose a message that it can't read."""
    return NatsMessage(raw_message=message, body=message.data)


async def _whole(message: Any) -> Any:
    return message


def _reason(error: Exception) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    return (str(error).splitlines() or [""])[0].removeprefix("nats: ") or type(error).__name__
