"""Options that several commands take."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import InputError

if TYPE_CHECKING:
    from planting import Planting


def time(text: str) -> datetime:
    """ISO 8601; a time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no ISO 8601 time such as 2026-06-01T00:00:00Z") from None


Root = Annotated[Path, typer.Option("--workspace", help="Folder that holds all state of a run.")]
AsOf = Annotated[datetime, typer.Option("--as-of", parser=time, metavar="TIME", help="ISO 8601, UTC.")]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", help="Labels: a Parquet file, folder or glob; none to start from planted campaigns only."),
]
Slices = Annotated[
    Path | None,
    typer.Option("--groups", help="Parquet table with account_id, family, cohort: reported on, not learnt."),
]
Plant = Annotated[bool, typer.Option("--plant/--no-plant", help="Learn from planted campaigns as well.")]
PlantFamilies = Annotated[
    str | None, typer.Option("--plant-families", metavar="NAMES", help="Which, with commas; by default all.")
]
PlantShare = Annotated[
    float, typer.Option("--plant-share", min=0.001, max=1.0, help="Planted accounts over those they borrow from.")
]
Search = Annotated[
    int, typer.Option("--search", min=0, metavar="TRIALS", help="Look for better settings; see CHANGELOG.md.")
]
Seed = Annotated[int, typer.Option("--seed", min=0)]
Out = Annotated[Path, typer.Option("--out")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Recorded with the version.")]
WORKSPACE = Path("workspace")
SHARE = 0.3


def planting(plant: bool, families: str | None, share: float, seed: int) -> "Planting | None":
    """What is to be planted, if anything."""
    from planting import Planting

    if not plant:
        return None
    if families is None:
        return Planting(share=share, seed=seed)
    names = tuple(name.strip() for name in families.split(",") if name.strip())
    return Planting(families=names, share=share, seed=seed)


def overruling(force: bool, reason: str | None) -> str:
    """The reason of a command that is forced; empty for one that is not.

    Raises:
        InputError: one of the two without the other.
    """
    told = (reason or "").strip()
    if force and not told:
        raise InputError("--force needs --reason TEXT: it is recorded with the version, for those who come after.")
    if told and not force:
        raise InputError("--reason goes with --force: without it there is nothing to give a reason for.")
    return told
