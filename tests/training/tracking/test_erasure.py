"""Erasing from runs: test sets and risks lose the rows, and reports name the new digest."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from training.examples.test_set import TestSet, make_test_set, read_test_set, write_test_set
from training.tracking.client import EXPERIMENT, connect
from training.tracking.erasure import erase_from_runs


@pytest.fixture
def test_set(world, slices_of) -> TestSet:
    examples = world(honest=30, campaigns=2, size=3)
    return make_test_set(examples, "some", (), slices_of(examples))


@pytest.fixture
def run(test_set: TestSet, new_store: Callable[[Path], str], tmp_path: Path) -> Path:
    """The folder of a run with a test set, risks, a report and a model's label."""
    client = connect(new_store(tmp_path))
    experiment = client.create_experiment(EXPERIMENT, artifact_location=(tmp_path / "artifacts").as_uri())
    folder = tmp_path / "artifacts" / client.create_run(experiment).info.run_id / "artifacts"
    for name in ("test_set", "model_label"):
        (folder / name).mkdir(parents=True)
    write_test_set(test_set, folder / "test_set")
    test_set.frame.select("account_id", risk=pl.lit(0.5)).write_parquet(folder / "risks.parquet")
    for name in ("report.json", "model_label/report.json"):
        (folder / name).write_text(f'{{"test_digest": "{test_set.digest}"}}')
    return folder


def test_an_account_is_in_no_table_any_more_and_the_report_names_the_new_digest(
    run: Path, test_set: TestSet, tmp_path: Path
) -> None:
    gone = test_set.frame.filter("label")["account_id"][0]
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert erase_from_runs(uri, tmp_path / "artifacts", [gone]) == 2
    for path in run.rglob("*.parquet"):
        assert gone not in pl.read_parquet(path)["account_id"].to_list()
    digest = (run / "report.json").read_text().split('"')[3]
    assert digest != test_set.digest
    read = read_test_set(run / "test_set", "some", digest)
    assert read.frame.equals(test_set.frame.filter(pl.col("account_id") != gone))
    assert test_set.digest in (run / "model_label" / "report.json").read_text()
    assert erase_from_runs(uri, tmp_path / "artifacts", [gone]) == 0


def test_an_account_that_nobody_was_judged_on_changes_no_byte(run: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert erase_from_runs("sqlite:///never asked", tmp_path / "artifacts", ["nobody"]) == 0
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
