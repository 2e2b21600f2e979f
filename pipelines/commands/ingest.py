"""The command `ingest`: what it takes, and what it prints."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.errors import InputError
from pipelines.commands.options import LOOK, WORKSPACE, AssumeUtc, Cluster, NewRoot, Strict, Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.inputs.checks import TableCount


def ingest(
    requests: Annotated[Path | None, typer.Option("--requests", help="File, folder, glob or Delta table.")] = None,
    accounts: Annotated[Path | None, typer.Option("--accounts")] = None,
    enforcement: Annotated[Path | None, typer.Option("--enforcement")] = None,
    releases: Annotated[Path | None, typer.Option("--releases")] = None,
    aliases: Annotated[
        Path | None, typer.Option("--aliases", help="Accounts that were renamed or merged, and since when.")
    ] = None,
    format: Annotated[
        str, typer.Option("--format", help="Format of the requests, or a mapping file; an unknown name lists all.")
    ] = "native",
    assume_utc: AssumeUtc = False,
    trusted_proxies: Annotated[
        int | None,
        typer.Option("--trusted-proxies", min=1, metavar="N", help="Of a list of hops, take the N-th from the right."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and report; store nothing.")] = False,
    strict: Strict = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    workers: Workers = None,
    cluster: Cluster = None,
    path: NewRoot = WORKSPACE,
) -> None:
    """Check the input tables, drop the text, and store the rest.

    Exit status: 0 if stored, 2 if the input can't be stored, 5 with --strict if something deserves a look.
    """
    from features.formats import format_named
    from features.intake.values.reading import LogOptions
    from pipelines.commands import printing
    from pipelines.execute.opening import open_engine
    from pipelines.ingest import Inputs, LogSettings, rehearse_ingest
    from pipelines.ingest import ingest as run
    from pipelines.inputs.attention import list_attention
    from pipelines.inputs.checks import IngestRefusedError
    from pipelines.settings import settings
    from pipelines.workspace import Workspace

    if dry_run and cluster is not None:
        raise InputError("--dry-run writes nothing that a cluster could read: leave out --cluster, or give --workers.")
    log = LogSettings(format_named(format), LogOptions(assume_utc, trusted_proxies))
    inputs = Inputs(requests, accounts, enforcement, releases, aliases)
    limit, refusal, now = settings().reject_limit, "", datetime.now(UTC)
    with open_engine(workers, cluster) as engine, printing.show_progress() as progress:
        workspace = Workspace(path, engine=engine)
        if dry_run:
            rehearsal = rehearse_ingest(workspace, inputs, log=log, reject_limit=limit, progress=progress)
            counts, refusal = rehearsal.counts, rehearsal.refusal
        else:
            try:
                counts = run(workspace, inputs, log=log, reject_limit=limit, progress=progress, now=now)
            except IngestRefusedError as error:
                if not as_json:
                    raise
                counts, refusal = dict(error.counts), str(error)
    attention = list_attention(counts, workspace.lake, now)
    if as_json:
        print(json.dumps(report_as_json(counts, attention, refusal)))
    else:
        print("\n".join(describe_ingest(counts, is_rehearsal=dry_run)))
        printing.print_attention(attention)
    if refusal:
        raise InputError(refusal)
    if strict and attention:
        raise typer.Exit(LOOK)


def describe_ingest(counts: "dict[str, TableCount]", *, is_rehearsal: bool = False) -> "Iterator[str]":
    """Say what happened to each input table, and every problem."""
    for table, count in counts.items():
        earlier = f", {count.stored_before} stored before" if count.stored_before else ""
        stored = "nothing stored" if is_rehearsal else f"{count.stored:,} stored"
        yield f"{table}: {count.files} files{earlier}; {count.rows:,} rows read, {stored}"
        yield from describe_changes(count)


def describe_changes(count: "TableCount") -> "Iterator[str]":
    """Say what was dropped, changed and rejected of a table."""
    from features.intake.report import CHANGES

    notes = {
        "repeats dropped": count.repeats,
        "requests left out: they lie before the time before which events were dropped (`prune`)": count.pruned,
        "malformed addresses set to null": count.malformed_addresses,
        "records skipped: they are no requests": count.skipped,
    }
    for note, number in notes.items():
        if number:
            yield f"  {number:,} {note}"
    for (column, kind), number in sorted(count.changes.items()):
        yield f"  {number:,} {column}: {CHANGES[kind]}"
    for problem in count.problems:
        yield f"  {problem.count:,} rows rejected: {problem.describe()}"


def report_as_json(counts: "dict[str, TableCount]", attention: list[str], refusal: str) -> dict[str, Any]:
    """The same for machines."""
    tables = {
        table: {
            **{
                name: getattr(count, name)
                for name in (
                    "files",
                    "stored_before",
                    "rows",
                    "stored",
                    "repeats",
                    "pruned",
                    "malformed_addresses",
                    "skipped",
                )
            },
            "changes": [
                {"column": column, "change": kind, "count": number}
                for (column, kind), number in sorted(count.changes.items())
            ],
            "problems": [problem.as_json() for problem in count.problems],
        }
        for table, count in counts.items()
    }
    return {"tables": tables, "deserves_a_look": attention, "refused": refusal or None}
