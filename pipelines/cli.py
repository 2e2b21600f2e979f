"""The command line: reads arguments and the clock, calls a pipeline, prints what it did."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from features.errors import InputError, StillwatchError
from pipelines.commands import models
from pipelines.commands.options import WORKSPACE, AsOf, Out, Root, Seed, time

app = typer.Typer(
    name="stillwatch",
    help="Finds the accounts that take part in a distillation campaign.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.command()
def simulate(
    scenario: Annotated[str, typer.Option("--scenario", help="Name of the made-up world.")],
    out: Annotated[Path, typer.Option("--out", help="New or empty folder.")],
    scale: Annotated[float, typer.Option("--scale", help="Multiplies the number of accounts.")] = 1.0,
    seed: Seed = 0,
    pools: Annotated[Path | None, typer.Option("--pools", help="Folder with real prompts and rhythms.")] = None,
    days: Annotated[int | None, typer.Option("--days", help="Length of the world.")] = None,
    start: Annotated[datetime | None, typer.Option("--start", parser=time, metavar="TIME")] = None,
    dirty: Annotated[bool, typer.Option("--dirty", help="Plant repeats, disorder and broken rows.")] = False,
) -> None:
    """Write requests, accounts, labels and the truth of a made-up world."""
    from pipelines.commands import printing
    from simulation import SimulationRequest
    from simulation import simulate as run

    with printing.progress() as report:
        world = run(
            SimulationRequest(
                scenario=scenario,
                out=out,
                scale=scale,
                seed=seed,
                pools=pools,
                days=days,
                start=start,
                dirty=dirty,
            ),
            progress=lambda _step, done: report("simulating", done),
        )
    print(
        f"{out}: {world.requests:,} requests of {world.accounts:,} accounts from {world.start:%Y-%m-%d} to "
        f"{world.end:%Y-%m-%d}; {world.campaign_accounts:,} accounts in {world.campaigns} campaigns"
    )


@app.command()
def ingest(
    requests: Annotated[Path | None, typer.Option("--requests", help="File, folder or glob.")] = None,
    accounts: Annotated[Path | None, typer.Option("--accounts")] = None,
    enforcement: Annotated[Path | None, typer.Option("--enforcement")] = None,
    releases: Annotated[Path | None, typer.Option("--releases")] = None,
    format: Annotated[str, typer.Option("--format", help="Of the requests: native.")] = "native",
    workspace: Root = WORKSPACE,
) -> None:
    """Validate, reduce to fingerprints without text, and store."""
    from pipelines.commands import printing
    from pipelines.ingest import Inputs
    from pipelines.ingest import ingest as run
    from pipelines.settings import settings
    from pipelines.workspace import Workspace

    if format != "native":
        raise InputError(f"the format {format!r} is not known: expected native.")
    inputs = Inputs(requests, accounts, enforcement, releases)
    with printing.progress() as report:
        limit = settings().reject_limit
        counts = run(Workspace(workspace), inputs, reject_limit=limit, progress=report)
    printing.ingested(counts)


@app.command()
def build(as_of: AsOf, workspace: Root = WORKSPACE) -> None:
    """Features as known at a time, into the feature store."""
    from pipelines.build import build as run
    from pipelines.commands import printing
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    with place.locked("build"), printing.progress() as report:
        result = run(place, as_of, report, now=datetime.now(UTC))
    printing.built(result, as_of.isoformat())


for command in (models.train, models.promote, models.rollback, models.retrain):
    app.command()(command)


@app.command()
def score(as_of: AsOf, out: Out, workspace: Root = WORKSPACE) -> None:
    """Score every account seen up to a time with the champion."""
    from pipelines.commands import printing
    from pipelines.score import score as run
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    with place.locked("score"), printing.progress() as report:
        scores = run(place, as_of, out, report)
    flagged = scores.filter(scores["reasons"].list.len() > 0)
    print(f"{out}: {len(scores):,} accounts, {len(flagged):,} at or above the review threshold")
    printing.left_out(place.lake.later(as_of))


@app.command()
def campaigns(
    as_of: AsOf,
    out: Out,
    table: Annotated[Path | None, typer.Option("--table", help="One row per campaign, as Parquet.")] = None,
    evidence: Annotated[Path | None, typer.Option("--evidence", help="What ties each member, as Parquet.")] = None,
    workspace: Root = WORKSPACE,
) -> None:
    """Find the groups of accounts that act together."""
    from pipelines.campaigns.tables import campaigns as run
    from pipelines.commands import printing
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    with place.locked("campaigns"), printing.progress() as report:
        members = run(place, as_of, out, report, table, evidence)
    accounts, groups = members["account_id"].n_unique(), members["campaign_id"].n_unique()
    print(f"{out}: {accounts:,} accounts in {groups:,} campaigns")
    printing.left_out(place.lake.later(as_of))


app.command()(models.package)


@app.command()
def serve(
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 3000,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    workspace: Root = WORKSPACE,
) -> None:
    """Serve the packaged champion over HTTP until stopped."""
    from pipelines.models.champion import packaged
    from pipelines.servers.serve import options
    from pipelines.workspace import Workspace
    from serving.server import serve as run

    place = Workspace(workspace)
    run(packaged(place), port, options(place, host))


@app.command()
def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 5000,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    workspace: Root = WORKSPACE,
) -> None:
    """Show runs and models in the browser (MLflow), until stopped."""
    from pipelines.servers.ui import ui as run
    from pipelines.workspace import Workspace

    run(Workspace(workspace), host, port)


@app.command()
def demo(seed: Seed = 0, workspace: Root = Path("demo")) -> None:
    """Everything once on a small made-up world, ending with two accounts scored over HTTP."""
    from pipelines.commands import printing
    from pipelines.commands.demo import demo as run

    with printing.progress() as report:
        lines = run(workspace, now=datetime.now(UTC), seed=seed, progress=report)
    print("\n".join(lines))


@contextmanager
def _errors() -> Iterator[None]:
    """One line for an error that someone must act on, and the exit status of the contract."""
    try:
        yield
    except StillwatchError as error:
        print(f"stillwatch: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 1)


def main() -> None:
    """The entry point `stillwatch`."""
    logging.captureWarnings(True)  # of libraries about one another: no news to users
    with _errors():
        app()
