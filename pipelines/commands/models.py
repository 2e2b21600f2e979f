"""The commands that make models and choose between them: train, promote, rollback, retrain, package."""

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
    overruling,
    planting,
)

STATUS = {"promoted": 0, "kept": 3, "refused": 4}


def train(
    as_of: AsOf,
    labels: Labels = None,
    slices: Slices = None,
    plant: Plant = True,
    plant_families: PlantFamilies = None,
    plant_share: PlantShare = SHARE,
    search: Search = 0,
    seed: Seed = 0,
    workspace: Root = WORKSPACE,
) -> None:
    """Fit and judge candidates on what was known at a time; register the best."""
    from pipelines.commands import printing
    from pipelines.models.slices import read_slices
    from pipelines.models.train import fit, read_labels
    from pipelines.settings import settings
    from pipelines.workspace import Workspace

    place, planted = Workspace(workspace), planting(plant, plant_families, plant_share, seed)
    known = read_labels(labels, settings().reject_limit)
    told = read_slices(slices) if slices else None
    with place.locked("train"), printing.progress() as report:
        result = fit(place, known, as_of, seed=seed, progress=report, slices=told, planting=planted, search=search)
    printing.fitted(result)


def promote(
    version: Annotated[int | None, typer.Option("--version", help="By default the challenger.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Whatever the gate says.")] = False,
    reason: Reason = None,
    workspace: Root = WORKSPACE,
) -> None:
    """Let a version through the gate; if it passes it is the champion."""
    from pipelines.commands import printing
    from pipelines.models.champion import promote as run
    from pipelines.workspace import Workspace

    why, place = overruling(force, reason), Workspace(workspace)
    with place.locked("promote"):
        printing.decided(run(place, version, now=datetime.now(UTC), reason=why))


def rollback(reason: Reason = None, workspace: Root = WORKSPACE) -> None:
    """Put the previous champion back, and package it; once more goes on further back."""
    from pipelines.commands import printing
    from pipelines.models.champion import rollback as run
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    with place.locked("rollback"):
        printing.restored(run(place, now=datetime.now(UTC), reason=(reason or "").strip()))


def retrain(
    as_of: AsOf,
    labels: Labels = None,
    slices: Slices = None,
    plant: Plant = True,
    plant_families: PlantFamilies = None,
    plant_share: PlantShare = SHARE,
    search: Search = 0,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Learn from stale or drifted data too.")] = False,
    reason: Reason = None,
    workspace: Root = WORKSPACE,
) -> None:
    """Build, train, gate, promote, package: the whole loop.

    Ends with 0 if the version is the champion, 3 if the old champion was kept, 4 if the data were refused.
    """
    from pipelines.commands import printing
    from pipelines.models.slices import read_slices
    from pipelines.models.train import read_labels
    from pipelines.retrain import retrain as run
    from pipelines.settings import settings
    from pipelines.workspace import Workspace

    why, place = overruling(force, reason), Workspace(workspace)
    planted = planting(plant, plant_families, plant_share, seed)
    known = read_labels(labels, settings().reject_limit)
    told = read_slices(slices) if slices else None
    with place.locked("retrain"), printing.progress() as report:
        result = run(
            place,
            known,
            as_of,
            seed=seed,
            progress=report,
            now=datetime.now(UTC),
            slices=told,
            reason=why,
            planting=planted,
            search=search,
        )
    printing.retrained(result)
    raise typer.Exit(STATUS[result.outcome.value])


def package(workspace: Root = WORKSPACE) -> None:
    """Package the champion as a Bento."""
    from pipelines.models.champion import package_champion
    from pipelines.workspace import Workspace

    place = Workspace(workspace)
    with place.locked("package"):
        print(f"packaged: {package_champion(place)}")
