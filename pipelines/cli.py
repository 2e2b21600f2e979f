"""The command line: reads arguments and the clock, calls a pipeline, prints what it did."""

import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from features.errors import InputError
from pipelines.commands import access, models, upkeep
from pipelines.commands.follow import follow_events
from pipelines.commands.ingest import ingest
from pipelines.commands.options import (
    HOLDS_ALL,
    WORKSPACE,
    ActThreshold,
    AsOf,
    NewRoot,
    Out,
    ReviewThreshold,
    Root,
    Seed,
    TlsCert,
    TlsClientCa,
    TlsKey,
    parse_time,
    parse_workspace,
    print_version,
)
from pipelines.commands.report import report_campaign
from pipelines.commands.score import build, score
from pipelines.console.commands import console

app = typer.Typer(
    name="stillwatch",
    help="Detect the accounts that take part in a distillation campaign.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def common_options(
    context: typer.Context,
    path: Annotated[
        Path | None,
        typer.Option("--workspace", parser=parse_workspace, metavar="DIR", help=f"{HOLDS_ALL} Also after the command."),
    ] = None,
    version: Annotated[  # noqa: ARG001  its callback acts
        bool, typer.Option("--version", is_eager=True, callback=print_version, help="Print the release and exit.")
    ] = False,
) -> None:
    """Detect the accounts that take part in a distillation campaign."""
    if path is not None and context.invoked_subcommand == "simulate":
        raise InputError("simulate takes no --workspace: it writes to --out.")


@app.command()
def simulate(
    scenario: Annotated[str, typer.Option("--scenario", help="Name of the simulated world.")],
    out: Annotated[Path, typer.Option("--out", help="New or empty folder.")],
    scale: Annotated[float, typer.Option("--scale", help="Factor on the number of accounts.")] = 1.0,
    seed: Seed = 0,
    pools: Annotated[Path | None, typer.Option("--pools", help="Folder with real prompts and rhythms.")] = None,
    days: Annotated[int | None, typer.Option("--days", help="Days that the world lasts.")] = None,
    start: Annotated[
        datetime | None, typer.Option("--start", parser=parse_time, metavar="TIME", help="ISO 8601.")
    ] = None,
    dirty: Annotated[bool, typer.Option("--dirty", help="Add repeats, disorder and broken rows.")] = False,
) -> None:
    """Write requests, accounts, labels and the truth of a simulated world."""
    from pipelines.commands import printing
    from simulation import SimulationRequest
    from simulation import simulate as run

    with printing.show_progress() as progress:
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
            progress=lambda _step, done: progress("simulating", done),
        )
    print(
        f"{out}: {world.requests:,} requests of {world.accounts:,} accounts from {world.start:%Y-%m-%d} to "
        f"{world.end:%Y-%m-%d}; {world.campaign_accounts:,} accounts in {world.campaigns} campaigns"
    )


app.command()(ingest)
app.command("follow")(follow_events)
app.add_typer(access.keys)
app.add_typer(access.audit)
app.add_typer(models.shadow)
app.add_typer(console)


app.command()(build)
for command in (models.train, models.promote, models.rollback, models.retrain):
    app.command()(command)
app.command()(score)


@app.command()
def campaigns(
    as_of: AsOf,
    out: Out,
    table: Annotated[Path | None, typer.Option("--table", help="One row per campaign, as Parquet.")] = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="What each member shares with the others, as Parquet.")
    ] = None,
    path: Root = WORKSPACE,
) -> None:
    """Group the accounts that act together into campaigns."""
    from pipelines.campaigns.tables import write_campaigns
    from pipelines.commands import printing
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    with workspace.locked("campaigns"), printing.show_progress() as progress:
        members = write_campaigns(workspace, as_of, out, progress, table, evidence)
    accounts, groups = members["account_id"].n_unique(), members["campaign_id"].n_unique()
    print(f"{out}: {accounts:,} accounts in {groups:,} campaigns")
    printing.print_left_out(workspace.lake.later(as_of))


@app.command()
def similar(
    accounts: Annotated[list[str], typer.Argument(metavar="ACCOUNT...", help="Ids of one or a few, of one operator.")],
    as_of: AsOf,
    out: Out,
    path: Root = WORKSPACE,
) -> None:
    """Rank the accounts most like one or a few by how probably they are of the same operator."""
    from pipelines.campaigns.similar import find_similar
    from pipelines.commands import printing
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    with workspace.locked("similar"), printing.show_progress() as progress:
        ranked = find_similar(workspace, accounts, as_of, out, progress)
    likely = ranked.filter(ranked["probability"] >= 0.5).height
    print(f"{out}: {ranked.height:,} accounts, {likely:,} of them more probably of the same operator than not")
    printing.print_left_out(workspace.lake.later(as_of))


app.command("report")(report_campaign)
app.command()(models.package)
app.command()(upkeep.forget)
app.command()(upkeep.prune)
app.command()(upkeep.compact)
app.command()(upkeep.vacuum)
app.command()(upkeep.migrate)


@app.command()
def serve(
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 3000,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    review_threshold: ReviewThreshold = None,
    act_threshold: ActThreshold = None,
    is_open: Annotated[bool, typer.Option("--open", help="Let everybody ask, without an access key.")] = False,
    inline_deny: Annotated[
        str, typer.Option("--inline-deny", help="Level from which on gateways are told to deny: review, act or never.")
    ] = "act",
    inline_failure: Annotated[
        str, typer.Option("--inline-failure", help="What gateways are told where no score can be given: allow or deny.")
    ] = "allow",
    account_header: Annotated[
        str, typer.Option("--account-header", metavar="NAME", help="Header in which gateways name the account.")
    ] = "x-account-id",
    shadow: Annotated[
        str | None,
        typer.Option("--shadow", metavar="VERSION", help="Score another version beside: challenger, or its number."),
    ] = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_client_ca: TlsClientCa = None,
    path: Root = WORKSPACE,
) -> None:
    """Serve the packaged champion over HTTP until it is stopped."""
    from pipelines.models.champion import packaged
    from pipelines.models.shadow import put_shadow
    from pipelines.servers.endpoint import check_keys, endpoint_options
    from pipelines.workspace import Workspace
    from serving.access.tls import check_tls, plaintext_warning
    from serving.inline import make_rules
    from serving.server import become_server

    workspace, tls = Workspace(path), check_tls(tls_cert, tls_key, tls_client_ca)
    bento = packaged(workspace)
    if not is_open:
        check_keys(workspace, "score")
    options = endpoint_options(
        workspace,
        host,
        is_open=is_open,
        inline=make_rules(inline_deny, inline_failure, account_header),
        tls=tls,
        thresholds=(review_threshold, act_threshold),
    )
    if shadow is not None:
        options = replace(options, shadow=put_shadow(workspace, shadow))
    if warning := plaintext_warning(host, tls):
        print(warning, file=sys.stderr)
    become_server(bento, port, options)


@app.command()
def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 5000,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    is_open: Annotated[bool, typer.Option("--open", help="Let everybody in, without an access key.")] = False,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_client_ca: TlsClientCa = None,
    path: Root = WORKSPACE,
) -> None:
    """Serve the page of runs and models (MLflow) until it is stopped."""
    from pipelines.servers.runs_page import RunsRequest, serve_runs
    from pipelines.workspace import Workspace
    from serving.access.tls import check_tls, plaintext_warning

    workspace, tls = Workspace(path), check_tls(tls_cert, tls_key, tls_client_ca)
    if warning := plaintext_warning(host, tls):
        print(warning, file=sys.stderr)
    serve_runs(workspace, RunsRequest(host, port, is_open, tls))


@app.command()
def demo(
    seed: Seed = 0,
    is_served: Annotated[bool, typer.Option("--serve", help="Keep the analysts' console up at the end.")] = False,
    path: NewRoot = Path("demo"),
) -> None:
    """Run everything once on a small simulated world, score two accounts over HTTP, and open a case in the console."""
    from pipelines.commands import printing
    from pipelines.commands.demo import run_demo
    from pipelines.commands.options import CONSOLE_PORT
    from pipelines.console.serving import ConsoleRequest, serve_console
    from pipelines.workspace import Workspace
    from serving.process import check_port

    if is_served:
        check_port("127.0.0.1", CONSOLE_PORT)  # before minutes of work
    with printing.show_progress() as progress:
        lines = run_demo(path, now=datetime.now(UTC), seed=seed, progress=progress)
    print("\n".join(lines))
    if is_served:
        with printing.show_progress() as progress:
            serve_console(Workspace(path), ConsoleRequest("127.0.0.1", CONSOLE_PORT), progress)


def main() -> None:
    """Run the program `stillwatch`: whatever ends a command is printed as one line, with the contract's status."""
    logging.captureWarnings(True)  # libraries warn about one another, which users can do nothing about
    try:
        status = app(prog_name="stillwatch", standalone_mode=False)
    except Exception as error:
        from pipelines.commands.failures import describe_failure, is_unforeseen

        if is_unforeseen(error) and _wants_traceback():
            raise
        sentence, status = describe_failure(error)
        print(sentence, file=sys.stderr)
    sys.exit(status if isinstance(status, int) else 0)


def _wants_traceback() -> bool:
    from pipelines.settings import settings

    return settings().traceback
