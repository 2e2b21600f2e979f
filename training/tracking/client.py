"""The way to MLflow: the library itself, and a client for a store."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

NAME = "stillwatch"
EXPERIMENT = "stillwatch"
SQLITE = "sqlite:///"
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes for jobs that only its GenAI pages start
    "GIT_PYTHON_REFRESH": "quiet",
}


def library() -> Any:
    """The library, imported late (it takes seconds), quiet, and with telemetry off."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    import mlflow

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return mlflow


def connect(uri: str) -> Any:
    """A client for the store at `uri`, which also becomes the library's own."""
    mlflow = library()
    _make_store(mlflow, uri)
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient(tracking_uri=uri)


def _make_store(mlflow: Any, uri: str) -> None:
    """Let a new SQLite file appear with all its tables or not at all.

    MLflow makes them one by one, and can't go on with a file in which a kill left only some of them.
    """
    path = Path(uri.removeprefix(SQLITE))
    if not uri.startswith(SQLITE) or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{path.name}.draft-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():  # a killed run's
            left.unlink()
    draft = path.with_name(f"{path.name}.draft-{os.getpid()}")
    mlflow.MlflowClient(tracking_uri=f"{SQLITE}{draft}").search_experiments(max_results=1)
    with suppress(FileExistsError):  # another process was quicker
        os.link(draft, path)
    draft.unlink()
