"""The commands on models: train, promote, rollback, retrain, package."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.commands.options import (
    SHARE,
    WORKSPACE,
    AsOf,
    Labels,
    Plant,
    PlantFamilies,
    PlantShare,
    Reason,
    Root,
    Search,
    Seed,
    Slices,
    forced_reason,
    make_planting,
)

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
    path: Root = WORKSPACE,
) -> None:
    """Train and judge candidates on what was known at a time; register ours as challenger."""
    from pipelines.commands import printing
    from pipelines.models.slices import read_slices
    from pipelines.models.train import VersionRequest, read_labels, train_version
    from pipelines.settings import settings
    from pipelines.workspace import Workspace

    workspace, planting = Workspace(path), make_planting(plant, plant_families, plant_share, seed)
    request = VersionRequest(
        labels=read_labels(labels, settings().reject_limit),
        as_of=as_of,
        seed=seed,
        slices=read_slices(slices) if slices else None,
        planting=planting,
        search_trials=search,
    )
    with workspace.locked("train"), printing.show_progress() as report:
        result = train_version(workspace, request, report)
    printing.print_training(result)


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
    from pipelines.models.champion import promote as run
    from pipelines.workspace import Workspace

    recorded_reason, workspace = forced_reason(force, reason), Workspace(path)
    now = datetime.now(UTC)
    with workspace.locked("promote"):
        result = run(workspace, version, now=now, reason=recorded_reason)
        if result.decision.promote:
            with printing.show_progress() as report:
                refresh_online(workspace, report, now=now)
    printing.print_gate(result)
    raise typer.Exit(0 if result.decision.promote else STATUS["not promoted"])


def rollback(reason: Reason = None, path: Root = WORKSPACE) -> None:
    """Restore the previous champion and package it; each further call goes one champion back."""
    from pipelines.build import refresh_online
    from pipelines.commands import printing
    from pipelines.models.champion import rollback as run
    from pipelines.workspace import Workspace

    workspace, now = Workspace(path), datetime.now(UTC)
    with workspace.locked("rollback"):
        restored = run(workspace, now=now, reason=(reason or "").strip())
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
    force: Annotated[bool, typer.Option("--force", help="Train on stale or drifted data too.")] = False,
    reason: Reason = None,
    path: Root = WORKSPACE,
) -> None:
    """Build, train, gate, promote, package: the whole loop.

    Exit status: 0 if the version is the champion, 3 if the gate kept the old champion, 4 if the data were refused.
    """
    from pipelines.commands import printing
    from pipelines.models.slices import read_slices
    from pipelines.models.train import VersionRequest, read_labels
    from pipelines.retrain import retrain as run
    from pipelines.settings import settings
    from pipelines.workspace import Workspace

    workspace, recorded_reason = Workspace(path), forced_reason(force, reason)
    planting = make_planting(plant, plant_families, plant_share, seed)
    request = VersionRequest(
        labels=read_labels(labels, settings().reject_limit),
        as_of=as_of,
        seed=seed,
        slices=read_slices(slices) if slices else None,
        planting=planting,
        search_trials=search,
    )
    with workspace.locked("retrain"), printing.show_progress() as report:
        result = run(workspace, request, progress=report, now=datetime.now(UTC), reason=recorded_reason)
    printing.print_loop(result)
    raise typer.Exit(STATUS[result.outcome.value])


def package(path: Root = WORKSPACE) -> None:
    """Package the champion as a Bento."""
    from pipelines.models.champion import package_champion
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    with workspace.locked("package"):
        print(f"packaged: {package_champion(workspace)}")
