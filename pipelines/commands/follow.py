"""The command `follow`: what it takes, and what it prints."""

from datetime import timedelta
from typing import Annotated

import typer

from pipelines.commands.options import WORKSPACE, AssumeUtc, NewRoot


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
    path: NewRoot = WORKSPACE,
) -> None:
    """Take events as they come, and keep features and scores current, until it is told to end (SIGTERM, Ctrl-C)."""
    import logging

    from features.intake.values.reading import LogOptions
    from pipelines.follow.run import Following, FollowRequest
    from pipelines.servers.endpoint import check_keys
    from pipelines.workspace import Workspace
    from serving.process import check_port

    check_port(host, port)
    if not is_open:
        check_keys(Workspace(path), "events")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    request = FollowRequest(
        host=host,
        port=port,
        every=timedelta(seconds=every),
        store_every=timedelta(seconds=store_every),
        regroup_every=timedelta(hours=regroup_hours),
        is_synced=fsync,
        is_open=is_open,
        options=LogOptions(assume_utc, trusted_proxies),
    )
    workspace = Workspace(path)
    following = Following(workspace, request)
    print(
        f"{path}: POST events to http://{host}:{port}/events (NDJSON or JSON, ?format=native and others); Ctrl-C ends."
    )
    waiting = following.run()
    rest = f"{waiting:,} events are stored at the next start" if waiting else "all that was acknowledged is in the lake"
    print(f"{path}: ended; {rest}.")
