"""The command `follow`: what it takes, and what it prints."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import InputError
from pipelines.commands.options import WORKSPACE, AssumeUtc, NewRoot, TlsCert, TlsClientCa, TlsKey

if TYPE_CHECKING:
    from pipelines.follow.broker.source import BrokerReading


def follow_events(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Of POST /events.")] = 3010,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    every: Annotated[float, typer.Option("--every", min=0.1, max=3600, help="Seconds between two refreshes.")] = 2.0,
    store_every: Annotated[
        float, typer.Option("--store-every", min=1, max=3600, help="Seconds between two stores into the lake.")
    ] = 60.0,
    regroup_hours: Annotated[
        float, typer.Option("--regroup-hours", min=0.01, help="Hours between two groupings of all accounts.")
    ] = 6.0,
    fsync: Annotated[
        bool, typer.Option("--fsync/--no-fsync", help="Whether acknowledged events survive a loss of power.")
    ] = True,
    is_open: Annotated[bool, typer.Option("--open", help="Let everybody send, without an access key.")] = False,
    assume_utc: AssumeUtc = False,
    trusted_proxies: Annotated[
        int | None,
        typer.Option("--trusted-proxies", min=1, metavar="N", help="Of a list of hops, take the N-th from the right."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="ADDRESS",
            help="Read a broker too: nats://HOST:PORT/STREAM/SUBJECT or kafka://HOST:PORT/TOPIC (?format=NAME).",
        ),
    ] = None,
    consumer: Annotated[
        str | None,
        typer.Option("--consumer", help="Durable consumer or group at the broker [default: the workspace's own]."),
    ] = None,
    dead_letters: Annotated[
        str | None, typer.Option("--dead-letters", help="Subject or topic for messages that can't be read.")
    ] = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_client_ca: TlsClientCa = None,
    path: NewRoot = WORKSPACE,
) -> None:
    """Take events as they come, and keep features and scores current, until it is told to end (SIGTERM, Ctrl-C)."""
    from features.intake.values.reading import LogOptions
    from pipelines.follow.run import Following, FollowRequest
    from pipelines.servers.endpoint import check_keys
    from pipelines.settings import settings
    from pipelines.workspace import Workspace
    from serving.access.tls import check_tls, plaintext_warning
    from serving.process import check_port
    from serving.telemetry.logs import configure_logs

    if (mirror := Workspace(path).mirror) is not None:
        raise InputError(
            f"follow needs a folder, since events are durable on its disk before they are answered: give --workspace a "
            f"folder, or `ingest` the logs into {mirror.address}."
        )
    check_port(host, port)
    tls = check_tls(tls_cert, tls_key, tls_client_ca)
    if not is_open:
        check_keys(Workspace(path), "events")
    reading = _reading(path, source, consumer, dead_letters)
    configure_logs(settings().log_format, settings().log_level)
    if warning := plaintext_warning(host, tls):
        print(warning, file=sys.stderr)
    request = FollowRequest(
        host=host,
        port=port,
        every=timedelta(seconds=every),
        store_every=timedelta(seconds=store_every),
        regroup_every=timedelta(hours=regroup_hours),
        is_synced=fsync,
        is_open=is_open,
        tls=tls,
        options=LogOptions(assume_utc, trusted_proxies),
        reading=reading,
    )
    workspace = Workspace(path)
    following = Following(workspace, request)
    address = f"{'http' if tls is None else 'https'}://{host}:{port}/events"
    print(f"{path}: POST events to {address} (NDJSON or JSON, ?format=native and others); Ctrl-C ends.")
    if reading:
        print(f"{path}: reads {reading.source.describe()} as {reading.consumer}.")
    waiting = following.run()
    rest = f"{waiting:,} events are stored at the next start" if waiting else "all that was acknowledged is in the lake"
    print(f"{path}: ended; {rest}.")


def _reading(root: Path, source: str | None, consumer: str | None, dead_letters: str | None) -> "BrokerReading | None":
    """What to read of a broker, checked before anything begins."""
    from features.errors import InputError
    from pipelines.follow.broker.source import BrokerReading, check_name, consumer_name, parse_source, require_client
    from pipelines.settings import settings

    if source is None:
        if consumer or dead_letters:
            raise InputError("--consumer and --dead-letters need --from.")
        return None
    parsed = parse_source(source)
    require_client(parsed)
    settings().broker_access().check(parsed.kind)
    if (
        dead_letters is not None
        and check_name("--dead-letters", dead_letters) == parsed.name
        and parsed.kind == "kafka"
    ):
        raise InputError("--dead-letters must name another topic than --from: else they would be read again.")
    name = consumer_name(root) if consumer is None else check_name("--consumer", consumer, may_have_dots=False)
    return BrokerReading(parsed, name, dead_letters)
