"""Erasing accounts from runs whose files lie elsewhere: at a tracking server, or beside another workspace's runs.

The files that name accounts are fetched through MLflow, erased as those of a workspace are, and put back.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from features.errors import StillwatchError
from training.examples.test_set import FRAME
from training.tracking.client import EXPERIMENT, connect, without_password
from training.tracking.erasure import erase_from_runs
from training.tracking.registry import DECISION, REPORT, RISKS, TEST_SET

_NAMES = {TEST_SET, FRAME, RISKS, REPORT, DECISION}  # of a run's files: those that name accounts, or a test set
_PAGE = 1_000  # runs asked for at once


def erase_from_remote_runs(uri: str, artifact_root: Path, accounts: Sequence[str]) -> int:
    """Remove accounts from all runs of our experiment, whosever, if their files lie outside a workspace's own folder.

    What was put back is fetched again, and must not change any more.

    Args:
        uri: of MLflow's store.
        artifact_root: the workspace's own folder, of which `erase_from_runs` takes care.
        accounts: to be erased.

    Returns:
        How many test sets and tables of risks were changed.

    Raises:
        StillwatchError: a file can't be fetched, or not be replaced.
    """
    client = connect(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None or experiment.artifact_location == artifact_root.resolve().as_uri():
        return 0
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as first, tempfile.TemporaryDirectory() as second:
        try:
            _fetch(client, experiment.experiment_id, Path(first))
            changed = erase_from_runs(uri, Path(first), accounts, lambda path: _put(client, path, Path(first)))
            if changed:
                _fetch(client, experiment.experiment_id, Path(second))
                left = erase_from_runs(uri, Path(second), accounts)
        except Exception as error:  # of MLflow, its HTTP client or an object store's
            reason = " ".join(str(error).split())[:200]
            raise StillwatchError(
                f"the runs at {without_password(uri)} may still name an account that was to be forgotten ({reason}): "
                f"let this user read and write their files and run it again, or delete {TEST_SET} and {RISKS} of the "
                f"runs of {EXPERIMENT!r} there."
            ) from error
    if changed and left:
        raise StillwatchError(
            f"{left} files at {without_password(uri)} still name an account that was to be forgotten, since the server "
            f"does not replace files: delete {TEST_SET} and {RISKS} of the runs of {EXPERIMENT!r} there."
        )
    return changed


def _fetch(client: Any, experiment: str, folder: Path) -> None:
    """Lay the files out as MLflow does in a folder: the run, `artifacts`, the file."""
    for run in _all_runs(client, experiment):
        target = folder / run / "artifacts"
        target.mkdir(parents=True)
        for file in client.list_artifacts(run):
            if file.path in _NAMES:
                client.download_artifacts(run, file.path, str(target))


def _all_runs(client: Any, experiment: str) -> Iterator[str]:
    """The ids of all runs, deleted ones too."""
    from mlflow.entities import ViewType

    token = None
    while True:
        page = client.search_runs([experiment], run_view_type=ViewType.ALL, max_results=_PAGE, page_token=token)
        yield from (run.info.run_id for run in page)
        token = page.token
        if not token:
            return


def _put(client: Any, path: Path, folder: Path) -> None:
    run, _, *within = path.relative_to(folder).parts
    client.log_artifact(run, str(path), "/".join(within[:-1]) or None)
