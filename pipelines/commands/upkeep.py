"""The commands that keep a workspace in order: forget, prune, compact, vacuum, migrate."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.options import WORKSPACE, Root, parse_as_of

if TYPE_CHECKING:
    from pipelines.upkeep.retention import LakeSizes


def forget(
    accounts: Annotated[list[str], typer.Argument(metavar="ACCOUNT...", help="Ids as the logs have them.")],
    path: Root = WORKSPACE,
) -> None:
    """Erase accounts from all that the workspace stores, and prove it by a scan of all files."""
    from pipelines.commands import printing
    from pipelines.commands.auditing import audited
    from pipelines.follow.run import store_journal
    from pipelines.upkeep.forget import forget_accounts as run
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    store_journal(workspace)  # compressed, so a scan would not see whom it names
    log = workspace.audit_log
    with (
        workspace.locked("forget"),
        printing.show_progress() as report,
        audited(log, "forget", accounts=[log.pseudonym(account) for account in accounts]) as outcome,
    ):
        result = run(workspace, accounts, report, now=datetime.now(UTC))
        outcome |= {"accounts": [log.pseudonym(account) for account in result.accounts], "rows": result.rows}
    if len(result.accounts) > len(set(accounts)):
        print(f"forgotten under all their ids: {', '.join(result.accounts)}")
    rows = ", ".join(f"{count:,} of {table}" for table, count in result.rows.items() if count)
    print(f"rows erased: {rows or 'none, since nothing was stored of these accounts'}")
    if result.read_outs or result.run_files or result.other_files:
        print(
            f"also erased from {result.read_outs:,} read-outs, {result.run_files:,} files of trainings and "
            f"{result.other_files:,} other tables"
        )
    print(f"proof: none of the {result.files_scanned:,} files of {workspace.address} names them")
    if workspace.mirror is not None:
        print("other machines that use it: run the same command there, or remove their folders below STILLWATCH_CACHE")


def prune(
    before: Annotated[
        datetime, typer.Option("--before", parser=parse_as_of, metavar="TIME", help="ISO 8601, UTC; a full hour.")
    ],
    path: Root = WORKSPACE,
) -> None:
    """Drop events and read-outs before a time; their rollups, and what features need, stay."""
    from pipelines.commands.auditing import audited
    from pipelines.upkeep.retention import prune_lake as run
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    with workspace.locked("prune"), audited(workspace.audit_log, "prune", before=before.isoformat()) as outcome:
        result = run(workspace, before, now=datetime.now(UTC))
        outcome |= {"events": result.events, "read_outs": result.read_outs}
    print(f"dropped: {result.events:,} events and {result.read_outs:,} read-outs before {before:%Y-%m-%dT%H:%M:%SZ}")
    print(f"the lake: {_megabytes(result.size_before)}, now {_megabytes(result.size_after)}")


def compact(path: Root = WORKSPACE) -> None:
    """Put each day of the lake's tables into one file, and remove what earlier versions left."""
    from pipelines.upkeep.retention import compact_lake
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    with workspace.locked("compact"):
        _print_sizes(compact_lake(workspace))


def vacuum(path: Root = WORKSPACE) -> None:
    """Remove what earlier versions of the tables and killed runs left; compact does so too."""
    from pipelines.upkeep.retention import vacuum_lake
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    with workspace.locked("vacuum"):
        _print_sizes(vacuum_lake(workspace))


def _print_sizes(result: "LakeSizes") -> None:
    print(
        f"the lake: {result.files_before:,} files with {_megabytes(result.size_before)}, now {result.files_after:,} "
        f"with {_megabytes(result.size_after)}"
    )
    if result.events:
        print(f"that is {result.size_after / result.events:,.0f} bytes a request")


def migrate(path: Root = WORKSPACE) -> None:
    """Carry a workspace of an older release over, or say what must be ingested again."""
    from pipelines.upkeep.migrate import migrate_lake as run
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    with workspace.locked("migrate"):
        changes = run(workspace)
    for change in changes:
        if change.is_derived:
            print(f"{change.table}: computed again from the events")
            continue
        added = f"{', '.join(change.lacks)} added as null" if change.lacks else ""
        dropped = f"{', '.join(change.extra)} dropped" if change.extra else ""
        print(f"{change.table}: {'; '.join(filter(None, (added, dropped)))}")
    if not changes:
        print("all tables are of the present version")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
