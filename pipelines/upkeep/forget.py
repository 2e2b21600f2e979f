"""Forget: erase accounts from a workspace for good, and prove it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from features.errors import InputError, StillwatchError
from features.progress import Progress
from features.store.erasure import erase_features
from features.tables.aliases import all_ids
from features.tables.rewriting import erase_accounts
from pipelines.build import bring_online
from pipelines.console.store import forget_in_console
from pipelines.remote.mirror import Mirror
from pipelines.settings import settings
from pipelines.upkeep.proof import find_traces
from pipelines.workspace import Workspace
from training.tracking.erasure import erase_from_runs
from training.tracking.remote_erasure import erase_from_remote_runs


@dataclass(frozen=True)
class Forgotten:
    """What an erasure removed.

    Attributes:
        accounts: every id that was forgotten.
        rows: of each table of the lake.
        read_outs: of the feature store that were dropped, since they held one of the accounts.
        run_files: test sets and tables of risks that lost rows.
        other_files: other Parquet files in the workspace that lost rows, such as scores.
        files_scanned: files in which the proof looked for the accounts and did not find them.
    """

    accounts: list[str]
    rows: dict[str, int]
    read_outs: int
    run_files: int
    other_files: int
    files_scanned: int


def forget_accounts(workspace: Workspace, accounts: Sequence[str], progress: Progress, *, now: datetime) -> Forgotten:
    """Erase accounts from all that a workspace stores; a killed run is completed by running it again.

    What is online is computed again without them, since others may have shared keys with them.

    Args:
        workspace: the workspace.
        accounts: an id of each; its other ids (`features.tables.aliases`) are forgotten too.
        progress: called with the step and the share done.
        now: the clock (see `FeatureLookup.materialize`).

    Raises:
        InputError: an id is blank.
        StillwatchError: a file still names one of them; it is not of the workspace's own, or the disk failed.
    """
    if not accounts or not all(account.strip() for account in accounts):
        raise InputError("An account to forget has a blank id: give the ids as the logs have them.")
    progress("erasing", 0.0)
    accounts = all_ids(workspace.lake.scan("aliases"), accounts, now)
    online_time = workspace.lookup.materialized()
    rows = erase_accounts(workspace.lake, accounts)
    shutil.rmtree(workspace.root / "planted", ignore_errors=True)  # planted accounts borrow the traffic of real ones
    run_files = erase_from_runs(workspace.tracking_uri, workspace.artifacts, accounts)
    if settings().tracking_uri is not None:
        run_files += erase_from_remote_runs(workspace.tracking_uri, workspace.artifacts, accounts)
    read_outs = erase_features(workspace.lookup, accounts)
    others = [path for path in sorted(workspace.root.rglob("*.parquet")) if _is_other(workspace, path)]
    other_files = sum(_erase_rows(path, accounts) for path in others)
    forget_in_console(workspace, accounts)
    progress("erasing", 1.0)
    if online_time is not None and len(workspace.lake.seen(online_time)):
        bring_online(workspace, online_time, progress, now=now)
    progress("proving", 0.0)
    if workspace.mirror is not None:
        _store_erasure(workspace.mirror)
    traces = find_traces(workspace.root, accounts)
    progress("proving", 1.0)
    if traces:
        raise StillwatchError(
            f"{len(traces)} files still name an account that was to be forgotten: remove them, first {traces[0]}."
        )
    scanned = sum(path.is_file() for path in workspace.root.rglob("*"))
    return Forgotten(accounts, rows, read_outs, run_files, other_files, scanned)


def _store_erasure(mirror: Mirror) -> None:
    """Store what was erased, and bring all files into the folder, so that the proof is one for the objects too.

    Raises:
        StillwatchError: there is an object that is not what the folder has.
    """
    mirror.push()
    mirror.fetch_all()
    others = mirror.unlike()
    if others:
        raise StillwatchError(f"nobody can say whom {mirror.address}/{others[0]} names: remove it.")


def _is_other(workspace: Workspace, path: Path) -> bool:
    """Tell files of the user's from those of the lake, the feature store and MLflow, which were seen to before."""
    own = (workspace.lake.root, workspace.lookup.root, workspace.artifacts)
    return not any(path.is_relative_to(folder) for folder in own)


def _erase_rows(path: Path, accounts: Sequence[str]) -> bool:
    """Take the accounts out of a table with a column `account_id`."""
    if "account_id" not in pl.read_parquet_schema(path):
        return False
    table = pl.read_parquet(path, hive_partitioning=False)
    others = table.filter(~pl.col("account_id").is_in(list(accounts)))
    if len(others) == len(table):
        return False
    draft = path.with_name(f".{path.name}.draft")
    others.write_parquet(draft)
    draft.replace(path)
    return True
