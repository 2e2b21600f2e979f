"""The way to MLflow: a store that does not answer is named at once, without its password."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from features.errors import InputError
from training import tracking
from training.tracking.client import check_reachable, connect


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "nonsense can't be used .it is no SQL database and no server"),
        ("file:///mlruns", "it is no SQL database and no server"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1 can't be used .*refused"),
        ("https://me:geheim@127.0.0.1:1/x", "https://127.0.0.1:1/x can't be used"),
        ("postgresql://me:geheim@127.0.0.1:1/x", "postgresql://127.0.0.1:1/x can't be used"),
        ("sqlite:////dev/null/x/mlflow.db", "Not a directory"),
    ],
)
def test_a_store_that_does_not_answer_is_named_at_once(address: str, words: str) -> None:
    begin = time.monotonic()
    with pytest.raises(InputError, match=words) as raised:
        connect(address)
    assert time.monotonic() - begin < 30
    assert "geheim" not in str(raised.value) and "STILLWATCH_TRACKING_URI" in str(raised.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, however long it may be")
    with pytest.raises(InputError, match="file is not a database"):
        connect(f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_a_server_that_keeps_files_in_a_folder_of_its_own_is_refused_with_what_to_do() -> None:
    for location in ("file:///srv/mlruns/1", "/srv/mlruns/1"):
        with pytest.raises(InputError, match=r"http://mlflow.example:5000 keeps .*start it with --serve-artifacts"):
            check_reachable("http://me:geheim@mlflow.example:5000", location)
    check_reachable("http://mlflow.example:5000", "mlflow-artifacts:/1")
    check_reachable("sqlite:////srv/mlflow.db", "file:///srv/mlruns/1")


def test_a_new_store_appears_with_all_its_tables_or_not_at_all(tmp_path: Path) -> None:
    """MLflow cannot go on with a database in which a kill left only some of its tables."""
    path = tmp_path / "new" / "mlflow.db"
    code = "import sys; from training.tracking.client import connect; connect(sys.argv[1])"
    process = subprocess.Popen([sys.executable, "-c", code, f"sqlite:///{path}"])
    while not list(path.parent.glob("mlflow.db*")):
        time.sleep(0.01)
    time.sleep(0.5)
    process.kill()
    process.wait()
    assert not path.exists()
    assert tracking.champion(f"sqlite:///{path}") is None
    assert [left.name for left in path.parent.iterdir()] == ["mlflow.db"]
