"""A store that was copied or moved: its runs lie where it lies now, not where they were recorded."""

import sqlite3
from contextlib import closing
from pathlib import Path

from features.errors import IntegrityError
from training.tracking.client import EXPERIMENT

_ADDRESSES = (  # where MLflow notes the absolute address of a file
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)


def relocate(database: Path, artifact_root: Path) -> bool:
    """Let the store of a copied or moved workspace find its files beside it, and write new ones there.

    MLflow notes absolute addresses, so that a copy would read the original's models and train into its folder. A store
    that can't be written is left as it is: nothing will be written into the original by way of it.

    Args:
        database: the store, a SQLite file.
        artifact_root: the folder of the store's files, where it is now.

    Returns:
        True if addresses were changed.

    Raises:
        IntegrityError: the file is no store of MLflow.
    """
    now = artifact_root.resolve().as_uri()
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as store:
            query = "SELECT artifact_location FROM experiments WHERE name = ?"
            recorded = store.execute(query, (EXPERIMENT,)).fetchone()
        if recorded is None or recorded[0] == now:
            return False
        with closing(sqlite3.connect(database)) as store, store:
            for table, column in _ADDRESSES:
                statement = (  # all names are our own
                    f"UPDATE {table} SET {column} = ? || substr({column}, length(?) + 1) "  # noqa: S608
                    f"WHERE substr({column}, 1, length(?)) = ?"
                )
                store.execute(statement, (now, recorded[0], recorded[0], recorded[0]))
    except sqlite3.OperationalError as error:
        if "readonly" not in str(error) and "unable to open" not in str(error):
            raise IntegrityError(f"{database} is no store of MLflow ({error}): restore it from a copy.") from error
        return False
    except sqlite3.DatabaseError as error:
        raise IntegrityError(f"{database} can't be read ({error}): restore it from a copy.") from error
    return True
