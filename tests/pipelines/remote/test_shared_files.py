"""Which files lie on the object store, and that each is written after what it refers to."""

import pytest

from pipelines.remote.shared_files import in_writing_order, is_data, is_shared, seals

LOG = "lake/events/_delta_log"
COMMITS = [f"{LOG}/{i:020d}.json" for i in range(12)]


@pytest.mark.parametrize(
    ("path", "is_there"),
    [
        ("lake/events/day=2026-04-06/a.parquet", True),
        (f"{LOG}/_last_checkpoint", True),
        ("lake/events/_origins.json", True),
        ("lake/events/._events_from.sha256", True),
        ("mlruns/mlflow.db", True),
        ("key.fingerprint", True),
        ("key", False),
        ("mlruns/mlflow.db-journal", False),
        ("lake/events/_draft-1.parquet", False),
        ("lake/events/.mark.1.draft", False),
        ("features/latest.parquet", False),
        ("access/keys.json", False),
        ("lock", False),
        ("remote.json", False),
        ("lake/../../.ssh/authorized_keys", False),
    ],
)
def test_the_lake_the_runs_and_the_mark_of_the_key_are_shared(path: str, is_there: bool) -> None:
    assert is_shared(path) == is_there


def test_a_checkpoint_is_no_data_file() -> None:
    assert is_data("lake/events/day=2026-04-06/a.parquet")
    assert not is_data(f"{LOG}/{0:020d}.checkpoint.parquet")
    assert not is_data("mlruns/artifacts/1/table.parquet")


def test_data_come_before_commits_and_these_one_after_another_before_checkpoints_and_seals_last() -> None:
    seal, pointer, checkpoint = (
        "lake/events/_seal.json",
        f"{LOG}/_last_checkpoint",
        f"{LOG}/{9:020d}.checkpoint.parquet",
    )
    data, origins = "lake/events/day=2026-04-06/a.parquet", "lake/events/_origins.json"
    paths = [seal, pointer, checkpoint, *reversed(COMMITS), origins, data]
    order = in_writing_order(paths)
    assert order == [[data], [origins], *([commit] for commit in COMMITS), [checkpoint], [pointer]]
    assert seals(paths) == [seal]
