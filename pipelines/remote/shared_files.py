"""Which files of a workspace on an object store lie there, and in which order they are written."""

from pathlib import PurePosixPath

from features.tables.data_files import DRAFT
from features.tables.log_seal import LOG, SEAL

_LAKE, _RUNS = "lake/", "mlruns/"
_ALONE = "key.fingerprint"
_CHECKPOINTS = (".checkpoint.parquet", "_last_checkpoint")


def is_shared(path: str) -> bool:
    """Tell whether a file lies on the object store; what servers note and what is computed anew does not."""
    name, parts = PurePosixPath(path).name, PurePosixPath(path).parts
    is_draft = name.startswith((DRAFT, "mlflow.db-")) or name.endswith(".draft")
    is_inside = path.startswith((_LAKE, _RUNS)) and ".." not in parts  # a bucket may hold what others have put there
    return (is_inside or path == _ALONE) and not is_draft


def is_data(path: str) -> bool:
    """Tell whether a file is a data file of a table: named by its content, and fetched when it is read."""
    return path.startswith(_LAKE) and path.endswith(".parquet") and PurePosixPath(path).parent.name != LOG


def is_unique(path: str) -> bool:
    """Tell whether a file is written once and never replaced: a commit, or the mark of the workspace's key."""
    in_log = PurePosixPath(path).parent.name == LOG and path.startswith(_LAKE)
    return path == _ALONE or (in_log and path.endswith(".json"))


def in_writing_order(paths: list[str]) -> list[list[str]]:
    """Group files so that whoever reads between two groups, or after a kill, sees a whole workspace.

    First what commits refer to, then the commits one after another, then the checkpoints that stand for them. Seals,
    which name all files of a log, come when the log's old files are gone: see `Mirror.push`.
    """
    commits = sorted(path for path in paths if is_unique(path))
    checkpoints = [path for path in paths if path.startswith(_LAKE) and path.endswith(_CHECKPOINTS)]
    later = {*commits, *checkpoints, *seals(paths)}
    data = [path for path in paths if is_data(path)]
    others = [path for path in paths if path not in later and not is_data(path)]
    pointers = [path for path in checkpoints if path.endswith("_last_checkpoint")]
    whole = [path for path in checkpoints if path not in pointers]
    return [data, others, *([commit] for commit in commits), whole, pointers]


def seals(paths: list[str]) -> list[str]:
    """Those that are the seal of a table's log."""
    return [path for path in paths if path.startswith(_LAKE) and path.endswith(f"/{SEAL}")]
