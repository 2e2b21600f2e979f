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

app = typer.Typer(
    name="stillwatch",
    help="Finds the accounts that take part in a distillation campaign.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _time(text: str) -> datetime:
    """ISO 8601; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no ISO 8601 time such as 2026-06-01T00:00:00Z") from None


Root = Annotated[Path, typer.Option("--workspace", help="Folder that holds all state of a run.")]
AsOf = Annotated[datetime, typer.Option("--as-of", parser=_time, metavar="TIME", help="ISO 8601, UTC.")]
Labels = Annotated[Path, typer.Option("--labels", help="Labels: a Parquet file, folder or glob.")]
Seed = Annotated[int, typer.Option("--seed", min=0)]
Out = Annotated[Path, typer.Option("--out")]
WORKSPACE = Path("workspace")


@app.command()
def simulate(
    scenario: Annotated[str, typer.Option("--scenario", help="Name of the made-up world.")],
    out: Annotated[Path, typer.Option("--out", help="New or empty folder.")],
    scale: Annotated[float, typer.Option("--scale", help="Multiplies the number of accounts.")] = 1.0,
    seed: Seed = 0,
    pools: Annotated[Path | None, typer.Option("--pools", help="Folder with real prompts and rhythms.")] = None,
    days: Annotated[int | None, typer.Option("--days", help="Length of the world.")] = None,
    start: Annotated[datetime | None, typer.Option("--start", parser=_time, metavar="TIME")] = None,
    dirty: Annotated[bool, typer.Option("--dirty", help="Plant repeats, disorder and broken rows.")] = False,
) -> None:
    """Write requests, accounts, labels and the truth of a made-up world."""
    from pipelines import console
    from pipelines.simulate import simulate as run

    with console.progress() as report:
        world = run(
            scenario,
            out,
            scale=scale,
            seed=seed,
            pools=pools,
            days=days,
            start=start,
            dirty=dirty,
            progress=lambda _day, done: report("simulating", done),
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
    from pipelines import console
    from pipelines.ingest import Inputs
    from pipelines.ingest import ingest as run
    from pipelines.settings import settings
    from pipelines.workspace import Workspace

    if format != "native":
        raise InputError(f"the format {format!r} is not known: expected native.")
    inputs = Inputs(requests, accounts, enforcement, releases)
    with console.progress() as report:
        limit = settings().reject_limit
        counts = run(Workspace(workspace), inputs, reject_limit=limit, progress=report)
    console.ingested(counts)


@app.command()
def build(as_of: AsOf, workspace: Root = WORKSPACE) -> None:
    """Features as known at a time, into the feature store."""
    from pipelines import console
    from pipelines.build import build as run
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    with place.locked(), console.progress() as report:
        result = run(place, as_of, report, now=datetime.now(UTC))
    console.built(result, as_of.isoformat())


@app.command()
def train(labels: Labels, as_of: AsOf, seed: Seed = 0, workspace: Root = WORKSPACE) -> None:
    """Fit and judge candidates on what was known at a time; register the best."""
    from pipelines import console
    from pipelines.retrain import fit, read_labels
    from pipelines.settings import settings
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    known = read_labels(labels, settings().reject_limit)
    with place.locked(), console.progress() as report:
        result = fit(place, known, as_of, seed=seed, progress=report)
    console.fitted(result)


@app.command()
def promote(
    version: Annotated[int | None, typer.Option("--version", help="By default the challenger.")] = None,
    workspace: Root = WORKSPACE,
) -> None:
    """Let a version through the gate; if it passes it is the champion."""
    from pipelines import console
    from pipelines.retrain import promote as run
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    with place.locked():
        console.decided(*run(place, version))


@app.command()
def retrain(labels: Labels, as_of: AsOf, seed: Seed = 0, workspace: Root = WORKSPACE) -> None:
    """Build, train, gate, promote, package: the whole loop."""
    from pipelines import console
    from pipelines.retrain import read_labels
    from pipelines.retrain import retrain as run
    from pipelines.settings import settings
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    known = read_labels(labels, settings().reject_limit)
    with place.locked(), console.progress() as report:
        result = run(place, known, as_of, seed=seed, progress=report, now=datetime.now(UTC))
    console.built(result.built, as_of.isoformat())
    console.fitted(result.fitted)
    console.decided(result.fitted.version, result.decision)
    print(f"packaged: {result.bento}" if result.bento else "nothing is packaged: there is no champion yet")


@app.command()
def score(as_of: AsOf, out: Out, workspace: Root = WORKSPACE) -> None:
    """Score every account seen up to a time with the champion."""
    from pipelines import console
    from pipelines.score import score as run
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    with place.locked(), console.progress() as report:
        scores = run(place, as_of, out, report)
    flagged = scores.filter(scores["reasons"].list.len() > 0)
    print(f"{out}: {len(scores):,} accounts, {len(flagged):,} at or above the review threshold")
    console.left_out(place.lake.later(as_of))


@app.command()
def package(workspace: Root = WORKSPACE) -> None:
    """Package the champion as a Bento."""
    from pipelines.retrain import package_champion
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    with place.locked():
        print(f"packaged: {package_champion(place)}")


@app.command()
def serve(
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 3000,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    workspace: Root = WORKSPACE,
) -> None:
    """Serve the packaged champion over HTTP until stopped."""
    from pipelines.retrain import packaged
    from pipelines.serve import options
    from pipelines.workspace import Workspace
    from serving.server import serve as run

    place = Workspace(workspace)
    run(packaged(place), port, options(place, host))


@app.command()
def demo(seed: Seed = 0, workspace: Root = Path("demo")) -> None:
    """Everything once on a small made-up world, ending with two accounts scored over HTTP."""
    from pipelines import console
    from pipelines.demo import demo as run

    with console.progress() as report:
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
