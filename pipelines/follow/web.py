"""The web process of a follower: takes events and writes the journal, whatever the other process is busy with.

python -m pipelines.follow.web SETTINGS

It ends with the process that started it, whose pipe it holds: no event is acknowledged that nobody would store.
"""

import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import uvicorn
from pydantic import BaseModel, ConfigDict

from features.errors import StillwatchError
from features.intake.values.reading import LogOptions
from features.tables.journal import Journal, JournalReader
from pipelines.follow.broker.consuming import BrokerClient, Consuming
from pipelines.follow.broker.settling import Settler
from pipelines.follow.broker.source import BrokerReading
from pipelines.follow.follower_state import JOURNAL, read_state
from pipelines.follow.held_pipe import end_with
from pipelines.follow.taking.app import ROUTES, SCOPE_OF, Taking, make_app
from pipelines.follow.taking.bodies import Reducer
from pipelines.follow.taking.meters import Meters
from pipelines.settings import settings as environment
from pipelines.workspace import Workspace
from serving.access.gate import Gate
from serving.access.tls import TlsFiles
from serving.telemetry.logs import LogFormat, LogLevel, configure_logs
from serving.telemetry.requests import NumberedRequests, RequestMeters

MOST_WAITING = 1 << 30
"""Bytes of the journal, some five million events; then no more are taken until the lake can be written again."""
_LOOK_SECONDS = 1.0  # between two looks at the journal's size and age


class WebSettings(BaseModel):
    """What the process is told.

    Attributes:
        workspace: its root.
        host: address to listen on.
        port: to listen on.
        store_seconds: how long a segment of the journal grows before it is closed.
        is_synced: whether an acknowledged event survives a loss of power.
        is_open: whether everybody may send, without an access key.
        tls: certificate and key; None serves without transport security.
        log_format, log_level: see `serving.telemetry.logs.configure_logs`.
        assume_utc: see `LogOptions`, as the next.
        trusted_proxies: of a list of hops.
        pipe: the open file whose other end the starting process holds.
        reading: what is read of a broker; no secret, as arguments are public.
    """

    model_config = ConfigDict(extra="forbid")

    workspace: Path
    host: str
    port: int
    store_seconds: float
    is_synced: bool
    is_open: bool
    tls: TlsFiles | None
    log_format: LogFormat
    log_level: LogLevel
    assume_utc: bool
    trusted_proxies: int | None
    pipe: int
    reading: BrokerReading | None = None


class BehindError(StillwatchError):
    """Too many events wait to be stored."""


@dataclass
class JournalWriter:
    """Appends to a journal while it is not too large.

    Attributes:
        journal: the writing end.
        reader: tells the size.
        store_seconds: see `WebSettings`.
    """

    journal: Journal
    reader: JournalReader
    store_seconds: float
    _size: int = 0
    _looked: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, events: pl.DataFrame) -> None:
        """Make events durable.

        Raises:
            BehindError: too many wait.
            OSError: the journal can't be written; then none of them was taken.
        """
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._size, self._looked = self.reader.size(), time.monotonic()
        if self._size > MOST_WAITING:
            raise BehindError("too many events wait to be stored: send these again later")
        with self._lock:
            self.journal.close_segment(self.store_seconds)
            self.journal.append(events)

    def close_old(self) -> None:
        """Close a segment that is old enough, also if nothing more comes."""
        with self._lock:
            self.journal.close_segment(self.store_seconds)


def main() -> None:
    """Serve until the pipe's other end is closed or the process is told to end."""
    settings = WebSettings.model_validate_json(sys.argv[1])
    end_with(settings.pipe)
    configure_logs(settings.log_format, settings.log_level)
    workspace = Workspace(settings.workspace)
    folder = workspace.root / JOURNAL
    writer = JournalWriter(Journal(folder, settings.is_synced), JournalReader(folder), settings.store_seconds)
    threading.Thread(target=_close_old, args=(writer,), daemon=True).start()
    audit = workspace.audit_log
    meters = Meters(lambda: read_state(workspace.root), audit)
    meters.journal_size = writer.reader.size
    options = LogOptions(settings.assume_utc, settings.trusted_proxies)
    consuming = None if settings.reading is None else Consuming(settings.reading, meters, _connect)
    taking = Taking(
        reducer=Reducer(workspace.keyring, options),
        writer=writer,
        meters=meters,
        is_ready=lambda: (consuming is None or consuming.is_connected) and read_state(workspace.root).is_current(),
        consume=None if consuming is None else consuming.consume,
    )
    keys = None if settings.is_open else workspace.access_keys
    requests = RequestMeters(ROUTES)
    meters.others.append(requests.collect)
    app = NumberedRequests(Gate(make_app(taking), keys=keys, audit=audit, scopes=SCOPE_OF), meters=requests)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=10,
        limit_concurrency=1_000,
        **({} if settings.tls is None else settings.tls.for_uvicorn()),
    )
    writer.journal.close_segment()


def _connect(reading: BrokerReading, settler: Settler) -> BrokerClient:
    """Make a connection with the library of the broker, which other followers need not have."""
    access = environment().broker_access()
    if reading.source.kind == "nats":
        from pipelines.follow.broker.nats_client import NatsClient

        return NatsClient(reading, settler, access)
    from pipelines.follow.broker.kafka_client import KafkaClient

    return KafkaClient(reading, settler, access)


def _close_old(writer: JournalWriter) -> None:
    while True:
        time.sleep(_LOOK_SECONDS)
        writer.close_old()


if __name__ == "__main__":
    main()
