"""Delta tables as input: which files hold the rows of the newest version."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from features.errors import InputError

_LOG = "_delta_log"
_UNREAD = {"deletionVectors", "columnMapping"}  # then the files hold other rows, or other names, than the table


def is_delta(path: Path) -> bool:
    """Tell whether a folder is a Delta table."""
    return (path / _LOG).is_dir()


def live_files(paths: Sequence[Path]) -> list[Path]:
    """Leave out the files that lie in a Delta table whose newest version has removed them.

    A path or a glob may lead into a table, past its log.

    Raises:
        InputError: such a table can't be read, or none of the files is left.
    """
    tables: dict[Path, set[Path] | None] = {}

    def is_live(path: Path) -> bool:
        for folder in path.absolute().parents:
            if folder not in tables:
                tables[folder] = set(delta_files(folder)) if is_delta(folder) else None
            files = tables[folder]
            if files is not None:
                return path.absolute() in files
        return True

    live = [path for path in paths if is_live(path)]
    if not live:
        raise InputError(f"{paths[0]} lies in a Delta table that has removed it: give the folder of the table.")
    return live


def delta_files(path: Path) -> list[Path]:
    """List the files that hold the rows of a table's newest version.

    Raises:
        InputError: the table can't be read, or its files alone don't say what it holds.
    """
    try:
        table = DeltaTable(path)
        features = {*(table.protocol().reader_features or ()), *table.metadata().configuration}
        actions = table.get_add_actions(flatten=True)
        files = actions.column("path").to_pylist() if actions.num_rows else []
    except (DeltaError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} can't be read as a Delta table ({reason}): export the rows again.") from error
    if any(name in feature for name in _UNREAD for feature in map(str, features)):
        raise InputError(
            f"{path} is a Delta table with deletion vectors or renamed columns, which can't be read file by file: "
            "export its rows as Parquet."
        )
    return [path / unquote(name) for name in files]
