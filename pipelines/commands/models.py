"""The commands on models: train, promote, rollback, retrain, package, and what a shadow would have changed."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.options import (
    LOOK,
    SHARE,
    WORKSPACE,
    AllowFuture,
    AsOf,
    AssumeUtc,
    Cluster,
    Labels,
    Plant,
    PlantFamilies,
    PlantShare,
    Reason,
    Root,
    Search,
    Seed,
    Slices,
    Strict,
    Workers,
    check_not_ahead,
    forced_reason,
    make_planting,
)

if TYPE_CHECKING:
    import polars as pl

    from pipelines.workspace import Workspace

STATUS = {"promoted": 0, "not promoted": 3, "refused": 4}  # exit status by `pipelines.retrain.Outcome`


def train(
    as_of: AsOf,
    labels: Labels = None,
    slices: Slices = None,
    plant: Plant = True,
    plant_families: PlantFamilies = None,
    plant_share: PlantShare = SHARE,
    search: Search = 0,
    seed: Seed = 0,
    assume_utc: AssumeUtc = False,
    strict: Strict = False,
    path: Root = WORKSPACE,
) -> None:
    """Train and judge candidates on what was known at a time; register ours as challenger."""
    from pipelines.commands import printing
    from pipelines.inputs.labels import list_label_attention
    from pipelines.models.slices import read_slices
    from pipelines.models.train import VersionRequest, train_version
    from pipelines.workspace import Workspace

    workspace, now = Workspace(path), datetime.now(UTC)
    planting = make_planting(plant, plant_families, plant_share, seed)
    request = VersionRequest(
        labels=_read_labels(workspace, labels, as_of, assume_utc),
        as_of=as_of,
        seed=seed,
        slices=read_slices(slices) if slices else None,
        planting=planting,
        search_trials=search,
    )
    with workspace.locked("train"), printing.show_progress() as report:
        result = train_version(workspace, request, report)
    printing.print_training(result)
    attention = list(list_label_attention(request.labels, workspace.lake, as_of, now))
    printing.print_attention(attention)
    if strict and attention:
        raise typer.Exit(LOOK)


def promote(
    version: Annotated[int | None, typer.Option("--version", help="By default the challenger.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Promote whatever the gate decides.")] = False,
    reason: Reason = None,
    path: Root = WORKSPACE,
) -> None:
    """Take a version through the gate; if it passes, it becomes the champion.

    Exit status: 0 if the version is the champion, 3 if the gate kept the old champion.
    """
    from pipelines.build import refresh_online
    from pipelines.commands import printing
    from pipelines.commands.auditing import audited
    from pipelines.models.champion import promote as run
    from pipelines.workspace import Workspace

    recorded_reason, workspace = forced_reason(force, reason), Workspace(path)
    now = datetime.now(UTC)
    with workspace.locked("promote"):
        with audited(workspace.audit_log, "promote", version=version, reason=recorded_reason) as outcome:
            result = run(workspace, version, now=now, reason=recorded_reason)
            outcome |= {"version": result.version, "before": result.before, "promoted": result.decision.promote}
        if result.decision.promote:
            with printing.show_progress() as report:
                refresh_online(workspace, report, now=now)
    printing.print_gate(result)
    raise typer.Exit(0 if result.decision.promote else STATUS["not promoted"])


def rollback(reason: Reason = None, path: Root = WORKSPACE) -> None:
    """Restore the previous champion and package it; each further call goes one champion back."""
    from pipelines.build import refresh_online
    from pipelines.commands import printing
    from pipelines.commands.auditing import audited
    from pipelines.models.champion import rollback as run
    from pipelines.workspace import Workspace

    workspace, now = Workspace(path), datetime.now(UTC)
    with workspace.locked("rollback"):
        with audited(workspace.audit_log, "rollback", reason=(reason or "").strip()) as outcome:
            restored = run(workspace, now=now, reason=(reason or "").strip())
            outcome |= {"removed": restored.removed, "champion": restored.champion}
        with printing.show_progress() as report:
            refresh_online(workspace, report, now=now)
        printing.print_rollback(restored)


def retrain(
    as_of: AsOf,
    labels: Labels = None,
    slices: Slices = None,
    plant: Plant = True,
    plant_families: PlantFamilies = None,
    plant_share: PlantShare = SHARE,
    search: Search = 0,
    seed: Seed = 0,
    assume_utc: AssumeUtc = False,
    strict: Strict = False,
    force: Annotated[bool, typer.Option("--force", help="Train on stale or drifted data too.")] = False,
    reason: Reason = None,
    allow_future: AllowFuture = False,
    workers: Workers = None,
    cluster: Cluster = None,
    path: Root = WORKSPACE,
) -> None:
    """Build, train, gate, promote, package: the whole loop.

    Exit status: 0 if the version is the champion, 3 if the gate kept the old champion, 4 if the data were refused,
    5 with --strict if the labels deserve a look.
    """
    from pipelines.commands import printing
    from pipelines.commands.auditing import audited
    from pipelines.execute.opening import open_engine
    from pipelines.inputs.labels import list_label_attention
    from pipelines.models.slices import read_slices
    from pipelines.models.train import VersionRequest
    from pipelines.retrain import retrain as run
    from pipelines.workspace import Workspace

    workspace, recorded_reason, now = Workspace(path), forced_reason(force, reason), datetime.now(UTC)
    check_not_ahead(workspace, as_of, now, is_allowed=allow_future)
    planting = make_planting(plant, plant_families, plant_share, seed)
    request = VersionRequest(
        labels=_read_labels(workspace, labels, as_of, assume_utc),
        as_of=as_of,
        seed=seed,
        slices=read_slices(slices) if slices else None,
        planting=planting,
        search_trials=search,
    )
    with (
        open_engine(workers, cluster) as engine,
        workspace.locked("retrain"),
        printing.show_progress() as report,
        audited(workspace.audit_log, "retrain", as_of=as_of.isoformat(), reason=recorded_reason) as outcome,
    ):
        result = run(replace(workspace, engine=engine), request, progress=report, now=now, reason=recorded_reason)
        outcome |= {"outcome": result.outcome.value, "before": result.before, "champion": result.champion}
    printing.print_loop(result)
    attention = list(list_label_attention(request.labels, workspace.lake, as_of, now))
    printing.print_attention(attention)
    raise typer.Exit(STATUS[result.outcome.value] or (LOOK if strict and attention else 0))


def _read_labels(workspace: "Workspace", path: Path | None, as_of: datetime, assume_utc: bool) -> "pl.DataFrame":
    """Read the labels, those of analysts' decisions among them, and print what was changed and rejected of a file's."""
    from features.intake.values.reading import LogOptions
    from pipelines.commands.ingest import describe_changes
    from pipelines.inputs.labels import read_label_table, with_decided_labels
    from pipelines.settings import settings

    table = read_label_table(path, settings().reject_limit, LogOptions(assume_utc=assume_utc))
    changes = list(describe_changes(table.count))
    if changes:
        print("\n".join(["labels:", *changes]))
    return with_decided_labels(table.frame, workspace.lake, as_of)


def package(path: Root = WORKSPACE) -> None:
    """Package the champion as a Bento."""
    from pipelines.models.champion import package_champion
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    with workspace.locked("package"):
        print(f"packaged: {package_champion(workspace)}")


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
