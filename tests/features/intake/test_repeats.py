"""Which of several rows with one key stays: the earliest, the first in file order, what is stored."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.intake import repeats
from features.intake.repeats import Repeats, write_keys
from tests.conftest import cases

START = datetime(2026, 4, 6, tzinfo=UTC)
Rows = list[tuple[int, int]]  # key and minute


def frame(rows: Rows) -> pl.DataFrame:
    """Rows of one file, in its order."""
    columns = {
        "request_key": [key for key, _ in rows],
        "timestamp": [START + timedelta(minutes=minute) for _, minute in rows],
        "row": range(len(rows)),
    }
    return pl.DataFrame(columns, schema_overrides={"row": pl.UInt32, "request_key": pl.Int64})


def dropped(scratch: Path, files: list[Rows], stored: list[int] | None = None) -> list[list[int]]:
    """Positions to drop from each file."""
    collected = Repeats()
    for source, rows in enumerate(files):
        write_keys(scratch / f"{source}.parquet", frame(rows), source, file=source)
    collected.note(reversed(list(scratch.iterdir())))
    collected.find(pl.LazyFrame({"request_key": stored or []}, schema={"request_key": pl.Int64}))
    return [collected.of(source).sort().to_list() for source in range(len(files))]


def test_different_keys_all_stay(tmp_path: Path) -> None:
    assert dropped(tmp_path, [[(1, 0), (2, 0)], [(3, 0)]]) == [[], []]


def test_the_earliest_stays_wherever_it_stands(tmp_path: Path) -> None:
    assert dropped(tmp_path, [[(1, 5), (1, 4)], [(1, 3), (1, 9)]]) == [[0, 1], [1]]


def test_among_equals_the_first_in_file_order_stays(tmp_path: Path) -> None:
    assert dropped(tmp_path, [[(2, 1), (1, 5)], [(1, 5), (1, 5)]]) == [[], [0, 1]]


def test_what_is_stored_stays_even_against_an_earlier_row(tmp_path: Path) -> None:
    assert dropped(tmp_path, [[(1, -100), (2, 0)], [(1, 3)]], stored=[1, 7, 7]) == [[0], [0]]


def test_a_file_is_noted_batch_by_batch(tmp_path: Path) -> None:
    collected, batches = Repeats(), [frame([(1, 0), (2, 0)]), frame([(2, 0), (1, -1)]).with_columns(pl.col("row") + 2)]
    for i, batch in enumerate(batches):
        write_keys(tmp_path / f"{i}.parquet", batch, source=4, file=0)
    collected.note(tmp_path.iterdir())
    collected.find(pl.LazyFrame(schema={"request_key": pl.Int64}))
    assert collected.of(4).sort().to_list() == [0, 2]
    assert collected.of(5).to_list() == []


def test_nothing_noted_drops_nothing(tmp_path: Path) -> None:
    assert dropped(tmp_path, [], stored=[1]) == []


FILES = st.lists(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3)), min_size=1, max_size=8), max_size=4)


@pytest.mark.parametrize("bucket", [1, 4, 1_000])
@given(files=FILES, stored=st.lists(st.integers(-3, 3), max_size=2))
@settings(max_examples=cases(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_rule_holds_whatever_the_number_of_buckets(
    bucket: int, files: list[Rows], stored: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Against the rule in plain Python; keys may be negative, as stored hashes may."""
    best: dict[int, tuple[int, int, int]] = {}
    for source, rows in enumerate(files):
        for row, (key, minute) in enumerate(rows):
            best[key] = min(best.get(key, (minute, source, row)), (minute, source, row))
    staying = {(source, row) for key, (_, source, row) in best.items() if key not in stored}
    expected = [[row for row in range(len(rows)) if (source, row) not in staying] for source, rows in enumerate(files)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_BUCKET_ROWS", bucket)
        assert dropped(tmp_path_factory.mktemp("keys"), files, stored) == expected
