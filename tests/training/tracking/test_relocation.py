"""A copied store: its runs are read from the copy, and new ones are written there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from features.errors import IntegrityError
from training.tracking.client import EXPERIMENT, connect
from training.tracking.relocation import relocate


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def original(new_store: Callable[[Path], str], tmp_path: Path) -> Path:
    """A store with a run and an artifact."""
    root = tmp_path / "an original"
    client = connect(new_store(root))
    experiment = client.create_experiment(EXPERIMENT, artifact_location=(root / "artifacts").as_uri())
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "old", "note.txt")
    client.set_terminated(run)
    return root


def test_a_copy_reads_and_writes_its_own_files_and_leaves_the_original_alone(original: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(original, tmp_path / "a cöpy")
    before = contents(original)
    assert relocate(copied / "mlflow.db", copied / "artifacts")
    assert not relocate(copied / "mlflow.db", copied / "artifacts")
    for note in (copied / "artifacts").rglob("note.txt"):
        note.write_text("changed in the copy")
    client = connect(f"sqlite:///{copied / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    old = client.search_runs([experiment])[0].info.run_id
    assert Path(client.download_artifacts(old, "note.txt")).read_text() == "changed in the copy"
    new = client.create_run(experiment).info.run_id
    client.log_text(new, "new", "note.txt")
    assert contents(original) == before
    assert len(list((copied / "artifacts").rglob("note.txt"))) == 2


def test_a_store_where_it_was_made_and_one_without_runs_are_left_alone(
    original: Path, new_store: Callable[[Path], str], tmp_path: Path
) -> None:
    assert not relocate(original / "mlflow.db", original / "artifacts")
    new_store(tmp_path / "new")
    assert not relocate(tmp_path / "new" / "mlflow.db", tmp_path / "new" / "artifacts")


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, however long it may be")
    with pytest.raises(IntegrityError, match=r"mlflow.db can't be read .*: restore it from a copy"):
        relocate(tmp_path / "mlflow.db", tmp_path / "artifacts")
