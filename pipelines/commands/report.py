"""The command `report`: the evidence file of a campaign."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from features.errors import InputError
from pipelines.commands.options import WORKSPACE, AsOf, Root


def report_campaign(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its id, as `campaigns` gives it.")],
    as_of: AsOf,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New or empty folder.")],
    author: Annotated[str, typer.Option("--author", help="Who reports, for readers outside.")] = "Model provider",
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Also write ids of accounts, and values of keys, into DIR/revealed.")
    ] = False,
    requests: Annotated[
        Path | None, typer.Option("--requests", help="Source table: tells names of models, and values with --reveal.")
    ] = None,
    accounts: Annotated[Path | None, typer.Option("--accounts", help="Source table, for --reveal.")] = None,
    releases: Annotated[Path | None, typer.Option("--releases", help="Source table: tells names of models.")] = None,
    format: Annotated[
        str, typer.Option("--format", help="Format of the requests as in `ingest`, or a mapping file.")
    ] = "native",
    trusted_proxies: Annotated[
        int | None, typer.Option("--trusted-proxies", min=1, metavar="N", help="As in `ingest`.")
    ] = None,
    path: Root = WORKSPACE,
) -> None:
    """Write the evidence file of a campaign: HTML, CSV, STIX 2.1 and OCSF; accounts under pseudonyms."""
    if accounts is not None and not reveal:
        raise InputError("--accounts goes with --reveal: without it nothing is read from that table.")
    if requests is None and (format != "native" or trusted_proxies is not None):
        raise InputError("--format and --trusted-proxies say how --requests is read: give that table too.")
    if not author.strip():
        raise InputError("--author is blank: give the name of who reports, or leave it out.")
    from features.formats import format_named
    from features.intake.values.reading import LogOptions
    from pipelines.campaigns.report import ReportRequest, write_report
    from pipelines.commands import printing
    from pipelines.commands.auditing import audited
    from pipelines.ingest import LogSettings
    from pipelines.outputs import PRIVATE_PART
    from pipelines.workspace import Workspace

    given = {"requests": requests, "accounts": accounts, "releases": releases}
    request = ReportRequest(
        campaign_id=campaign,
        as_of=as_of,
        out=out,
        author=author.strip(),
        reveal=reveal,
        sources={table: source for table, source in given.items() if source is not None},
        log=LogSettings(format_named(format), LogOptions(trusted_proxies=trusted_proxies)),
    )
    workspace = Workspace(path)
    with workspace.locked("report"), printing.show_progress() as progress, ExitStack() as record:
        if reveal:
            record.enter_context(audited(workspace.audit_log, "reveal", campaign=campaign, as_of=as_of.isoformat()))
        result = write_report(workspace, request, progress, now=datetime.now(UTC))
    print(f"{out}: {result.summary}")
    if reveal:
        print(f"  {out / PRIVATE_PART} names the accounts: it is not for sharing")
    printing.print_left_out(workspace.lake.later(as_of))
