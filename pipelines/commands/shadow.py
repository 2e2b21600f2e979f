"""The command `shadow`: what a version beside the champion would have changed."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import WORKSPACE, Root

shadow = typer.Typer(name="shadow", help="What a version beside the champion would have changed.", no_args_is_help=True)


@shadow.callback()
def describe_commands() -> None:
    """Say what a version that ran beside the champion would have changed."""


@shadow.command("report")
def print_shadow_report(
    out: Annotated[Path | None, typer.Option("--out", help="The last answers of each account, as Parquet.")] = None,
    path: Root = WORKSPACE,
) -> None:
    """Compare the answers of the champion with those of the version beside it (`serve --shadow`)."""
    from pipelines.models.shadow import describe_shadow, report_shadow
    from pipelines.outputs import check_outputs, write_table
    from pipelines.workspace import Workspace

    check_outputs({"--out": out})
    report = report_shadow(Workspace(path))
    print("\n".join(describe_shadow(report)))
    if out is not None:
        write_table(report.latest, out)
        print(f"{out}: {report.latest.height:,} accounts")
