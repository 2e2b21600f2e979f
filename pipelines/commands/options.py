"""Options that several commands take."""

import re
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import InputError
from pipelines.outputs import keep_private

if TYPE_CHECKING:
    from pipelines.workspace import Workspace
    from planting import Planting


def parse_time(text: str) -> datetime:
    """Parse an ISO 8601 time; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is not an ISO 8601 time such as 2026-06-01T00:00:00Z") from None


def print_version(is_wanted: bool) -> None:
    """Print the release and exit, if wanted."""
    if is_wanted:
        print(f"stillwatch {installed_version('stillwatch')}")
        raise typer.Exit


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_END_OF_LOG = timedelta(hours=6)  # after the last request a log's time is still its own


def parse_as_of(text: str) -> datetime:
    """Parse the time that a command is asked about; no event lies outside the years that are allowed."""
    moment = parse_time(text)
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise typer.BadParameter(f"{text} is not within the years {FIRST_YEAR} to {LAST_YEAR - 1}")
    return moment


def check_not_ahead(workspace: "Workspace", as_of: datetime, now: datetime, *, is_allowed: bool) -> None:
    """Check that what is brought online is not of a time to come, as of which everybody has fallen silent.

    A log that itself runs up to that time is believed: then this machine's clock is wrong, or the log is made up.

    Raises:
        InputError: it is, and nobody asked for it.
    """
    if as_of <= now or is_allowed:
        return
    newest = workspace.lake.seen(as_of)["last_seen"].max()
    if not isinstance(newest, datetime) or as_of - newest > _END_OF_LOG:
        raise InputError(
            f"--as-of {as_of:%Y-%m-%dT%H:%M:%SZ} lies in the future, where every account has fallen silent and looks "
            "harmless: give a time up to now, or --allow-future to bring that online all the same."
        )


def parse_workspace(text: str | Path) -> Path:
    """Parse the place of a workspace, as it was typed: `Path` would take `s3://x` for a folder `s3:`.

    Returns:
        A folder; of a workspace on an object store that with copies of it.

    Raises:
        InputError: it has a scheme that no workspace can have, or its store can't be used.
    """
    scheme = _SCHEME.match(str(text))
    if scheme is None:
        return Path(text)
    if scheme[0] != "s3://":
        raise InputError(
            f"--workspace {text} begins with {scheme[0]}, which can't hold a workspace: give the path of a folder, or "
            "s3://BUCKET/PREFIX."
        )
    from pipelines.remote.opening import open_address

    keep_private()
    return open_address(str(text))


def existing_workspace(context: typer.Context, path: Path) -> Path:
    """Take the workspace named before or after the command, which an earlier `ingest` must have made.

    Raises:
        InputError: there is none, so that a mistyped path makes no new folder.
    """
    root = resolve_workspace(context, path)
    return root if context.resilient_parsing else require_workspace(root)


def require_workspace(root: Path) -> Path:
    """Return a workspace's folder.

    Raises:
        InputError: it is none.
    """
    if not any((root / name).exists() for name in _OF_A_WORKSPACE):
        raise InputError(
            f"{root} is not a workspace: run `stillwatch ingest --requests PATH` first, or correct --workspace."
        )
    return root


def resolve_workspace(context: typer.Context, path: Path) -> Path:
    """Take the workspace named before or after the command, else the command's default; what is made there is private.

    Raises:
        InputError: both are named and differ, so that the command might change the wrong one.
    """
    keep_private()
    before = _named_before(context)
    if before is None:
        return path
    source = context.get_parameter_source("path")
    if source is not None and source.name == "COMMANDLINE" and before.resolve() != path.resolve():
        raise InputError(f"--workspace is given twice, as {before} and as {path}: give it once.")
    return before


def _named_before(context: typer.Context) -> Path | None:
    """The workspace that is named before the command, or before the group that the command is of."""
    parent = context.parent
    while parent is not None:
        if parent.params.get("path") is not None:
            return Path(parent.params["path"])
        parent = parent.parent
    return None


def require_search(trials: int) -> int:
    """Return the number of trials, after checking that what searches is installed if there are any."""
    if trials:
        from training.models.search import require_optuna  # imports LightGBM, which other commands need not wait for

        require_optuna()
    return trials


HOLDS_ALL = "Folder, or s3://bucket/prefix, that holds all state of a run."
_OF_A_WORKSPACE = ("lake", "key.fingerprint")  # either is there from the first ingest on
NewRoot = Annotated[
    Path,
    typer.Option(
        "--workspace",
        parser=parse_workspace,
        metavar="DIR",
        callback=resolve_workspace,
        help=f"{HOLDS_ALL} Also before the command.",
    ),
]
Root = Annotated[
    Path,
    typer.Option(
        "--workspace",
        parser=parse_workspace,
        metavar="DIR",
        callback=existing_workspace,
        help=f"{HOLDS_ALL} Also before the command.",
    ),
]
FIRST_YEAR, LAST_YEAR = 1970, 2201  # of --as-of; no event lies outside them
AsOf = Annotated[datetime, typer.Option("--as-of", parser=parse_as_of, metavar="TIME", help="ISO 8601, UTC.")]
AllowFuture = Annotated[
    bool, typer.Option("--allow-future", help="Let --as-of lie in the future, and bring online what holds then.")
]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", help="Parquet or CSV; leave out to learn from planted campaigns only."),
]
Slices = Annotated[
    Path | None,
    typer.Option("--slices", help="Parquet table account_id, family, cohort: slices of the report; not learned from."),
]
Plant = Annotated[bool, typer.Option("--plant/--no-plant", help="Learn from planted campaigns too.")]
PlantFamilies = Annotated[
    str | None,
    typer.Option("--plant-families", metavar="NAMES", help="Comma-separated; by default all."),
]
PlantShare = Annotated[
    float,
    typer.Option(
        "--plant-share",
        min=0.001,
        max=1.0,
        help="Planted accounts, as a share of the accounts whose traffic they borrow.",
    ),
]
Search = Annotated[
    int,
    typer.Option(
        "--search",
        min=0,
        metavar="TRIALS",
        callback=require_search,
        help="Search for better settings; needs the extra 'search'; see CHANGELOG.md.",
    ),
]
LARGEST_SEED = 2**31 - 1  # that LightGBM takes
CONSOLE_PORT = 8600  # of the analysts' page, unless another one is given
Seed = Annotated[int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Seed of all random draws.")]
AssumeUtc = Annotated[bool, typer.Option("--assume-utc", help="Times without a zone are UTC.")]
Strict = Annotated[bool, typer.Option("--strict", help="End with 5 if something deserves a look.")]
ReviewThreshold = Annotated[
    float | None,
    typer.Option("--review-threshold", min=0, max=1, help="Risk from which on accounts are reviewed."),
]
ActThreshold = Annotated[
    float | None,
    typer.Option("--act-threshold", min=0, max=1, help="Risk from which on accounts are acted on."),
]
Out = Annotated[Path, typer.Option("--out", help="Parquet file to write.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Processes that work; by default one, or all of --cluster."),
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="ADDRESS", help="Work on this Ray cluster (host:port); needs the extra 'ray'."),
]
TlsCert = Annotated[
    Path | None, typer.Option("--tls-cert", metavar="FILE", help="PEM certificate: serve HTTPS. Needs --tls-key.")
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="PEM private key of --tls-cert.")]
TlsClientCa = Annotated[
    Path | None,
    typer.Option("--tls-client-ca", metavar="FILE", help="PEM certificates of who signs callers' ones (mTLS)."),
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Recorded with the version.")]
WORKSPACE = Path("workspace")
LOOK = 5  # exit status of --strict where something deserves a look
SHARE = 0.3  # of --plant-share: the default of `planting.Planting`, which is not imported before it is used


def make_planting(plant: bool, families: str | None, share: float, seed: int) -> "Planting | None":
    """Turn the options of planting into a `Planting`; None if nothing is to be planted."""
    from planting import Planting

    if not plant:
        return None
    if families is None:
        return Planting(share=share, seed=seed)
    names = tuple(name.strip() for name in families.split(",") if name.strip())
    return Planting(families=names, share=share, seed=seed)


def forced_reason(force: bool, reason: str | None) -> str:
    """Return the reason of a forced command; empty for a command that is not forced.

    Raises:
        InputError: --force without --reason, or the reverse.
    """
    text = (reason or "").strip()
    if force and not text:
        raise InputError("--force needs --reason TEXT: it is recorded with the version, for later readers.")
    if text and not force:
        raise InputError("--reason goes with --force: without --force there is nothing to give a reason for.")
    return text
