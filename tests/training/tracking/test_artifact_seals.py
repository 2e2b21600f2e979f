"""Seals of a run's files: a flipped bit is an error, and an erasure gives a file a new seal."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from features.errors import IntegrityError
from training.tracking.artifact_seals import check_seal, log_sealed_text, replace_sealed_file
from training.tracking.client import EXPERIMENT, connect


@pytest.fixture
def client(new_store: Callable[[Path], str], tmp_path: Path) -> Any:
    return connect(new_store(tmp_path))


@pytest.fixture
def run(client: Any, tmp_path: Path) -> str:
    experiment = client.create_experiment(EXPERIMENT, artifact_location=(tmp_path / "artifacts").as_uri())
    return str(client.create_run(experiment).info.run_id)


@pytest.fixture
def report(client: Any, run: str, tmp_path: Path) -> Path:
    """A file of the run, where MLflow keeps it."""
    log_sealed_text(client, run, '{"recall": 0.5}', "report.json")
    return tmp_path / "artifacts" / run / "artifacts" / "report.json"


def test_a_flipped_bit_is_an_error_that_names_the_file_and_its_run(client: Any, run: str, report: Path) -> None:
    check_seal(client, run, report)
    content, rng = report.read_bytes(), random.Random(1)
    for _ in range(20):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        report.write_bytes(damaged)
        with pytest.raises(IntegrityError, match=rf"report\.json of the run {run} is damaged: restore it"):
            check_seal(client, run, report)
    report.write_bytes(content)
    check_seal(client, run, report)


def test_a_file_that_was_replaced_has_a_seal_of_its_own_and_one_without_needs_none(
    client: Any, run: str, report: Path
) -> None:
    old, draft, replaced = report.read_bytes(), report.with_name("draft"), []
    draft.write_text("{}")
    replace_sealed_file(client, run, draft, report, replaced.append)
    check_seal(client, run, report)
    report.write_bytes(old)
    with pytest.raises(IntegrityError, match="is damaged"):
        check_seal(client, run, report)
    other = report.with_name("decision.json")
    other.write_text("[]")
    check_seal(client, run, other)
    draft.write_text("[1]")
    replace_sealed_file(client, run, draft, other, replaced.append)
    assert other.read_text() == "[1]" and replaced == [report, other]
