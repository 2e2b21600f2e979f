"""The way to MLflow: a store that does not answer is named at once, without its password."""

import time
from pathlib import Path

import pytest

from features.errors import InputError
from training.tracking.client import connect


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
