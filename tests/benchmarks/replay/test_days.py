"""What a replay knows and keeps: labels of other campaigns only, days of one state of the code, and no day twice."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from benchmarks.replay.days import Replay


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """A replay of two days, the first in two files, of which both have been played."""
    world = tmp_path / "world"
    (world / "requests").mkdir(parents=True)
    for name in ("2026-04-22-000", "2026-04-22-001", "2026-04-23-000"):
        pl.DataFrame({"account_id": ["a"]}).write_parquet(world / "requests" / f"{name}.parquet")
    labels = {
        "account_id": ["a", "b", "c", "d"],
        "label": [True, True, False, True],
        "campaign": ["june", "x", None, None],
    }
    pl.DataFrame(labels).write_parquet(world / "labels.parquet")
    replay = Replay(world, tmp_path / "replay", ("june",))
    (replay.folder / "day").mkdir(parents=True)
    for number in (1, 2):
        usage = {"ingest": {"seconds": 1.0, "peak": 0.5, "processor": 2.0}}
        day = {"number": number, "requests": 3, "usage": usage, "gate": ""}
        (replay.folder / "day" / f"{number:02d}.json").write_text(json.dumps(day))
    return replay


def test_the_files_of_a_day_belong_together_and_it_ends_at_midnight(replay: Replay) -> None:
    assert [len(files) for files in replay.files] == [2, 1]
    assert replay.midnight(1) == datetime(2026, 4, 23, tzinfo=UTC)


def test_days_that_were_played_are_not_played_again(replay: Replay) -> None:
    days = replay.play()  # a command would fail: there is no workspace
    assert [(day.number, day.usage["ingest"].processor) for day in days] == [(1, 2.0), (2, 2.0)]


def test_the_campaigns_own_labels_are_never_known(replay: Replay) -> None:
    replay.play()
    labels = pl.read_parquet(replay.folder / "labels.parquet")
    assert labels["account_id"].to_list() == ["b", "c"]  # nobody says of "d" that it is not the campaign's


def test_days_of_other_code_are_not_gone_on_with(replay: Replay) -> None:
    replay.play()
    (replay.folder / "made_from").write_text("older")
    with pytest.raises(SystemExit, match="was played by other code: remove it, or give another --work"):
        replay.play()
