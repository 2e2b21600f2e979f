"""The way to MLflow: the library itself, and a client for a store."""

import logging
import os
import re
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from features.errors import InputError

NAME = "stillwatch"
EXPERIMENT = "stillwatch"
SQLITE = "sqlite:///"
_DATABASES = (SQLITE, "postgresql", "mysql", "mssql")  # that MLflow keeps runs in
_ANSWER_SECONDS = 5.0  # in which a tracking server or a database must take a connection
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}  # unless another one is named
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
    _check_store(uri)
    if mlflow.get_tracking_uri() != uri:
        _forget_addresses()
        mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient(tracking_uri=uri)


def _forget_addresses() -> None:
    """MLflow remembers where the files of a run lie, and would take those of a copied store for the original's."""
    from mlflow.tracking._tracking_service import utils

    getattr(utils, "_artifact_repos_cache", {}).clear()


@cache
def _check_store(uri: str) -> None:
    """Check once for each store that it answers.

    MLflow has a dozen ways to say that it does not, and asks a server that is not there again for minutes.
    """
    parts = urlsplit(uri)
    try:
        usual_port = _PORTS.get(parts.scheme.partition("+")[0])
        if parts.hostname and usual_port:
            socket.create_connection((parts.hostname, parts.port or usual_port), timeout=_ANSWER_SECONDS).close()
        if is_server(uri):
            return
        if not uri.startswith(_DATABASES):
            raise ValueError("it is no SQL database and no server")
        mlflow = library()
        _make_store(mlflow, uri)
        mlflow.MlflowClient(tracking_uri=uri).search_experiments(max_results=1)
    except Exception as error:  # of MLflow, SQLAlchemy or a database's own library
        reason = " ".join(str(error).split(" [SQL:")[0].split("(Background")[0].split())[:200]
        raise InputError(
            f"the tracking store {without_password(uri)} can't be used ({reason}): set STILLWATCH_TRACKING_URI to the "
            "address of a database or a server of MLflow, or unset it."
        ) from error


def is_server(uri: str) -> bool:
    """Whether a store is a server of MLflow, rather than a database."""
    return urlsplit(uri).scheme in ("http", "https")


def check_reachable(uri: str, location: str) -> None:
    """Check that the files of an experiment can be reached from this machine.

    Raises:
        InputError: a server names a folder of its own machine, where this one would write beside it.
    """
    if is_server(uri) and urlsplit(location).scheme in ("", "file"):
        raise InputError(
            f"the tracking server {without_password(uri)} keeps the files of {EXPERIMENT!r} in a folder "
            f"of its own ({location}), which other machines can't reach: start it with --serve-artifacts and "
            "--artifacts-destination, and rename or delete that experiment."
        )


def without_password(uri: str) -> str:
    """The address as it may be shown."""
    return re.sub(r"//[^/@]*@", "//", uri)


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
