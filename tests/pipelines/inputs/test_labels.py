"""The table of labels: the same leniency and the same report as of any input."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from features.errors import InputError
from features.lake import Lake
from features.schemas import Labels
from pipelines.inputs.labels import canonical_labels, list_label_attention, read_label_table, read_labels

JUDGED = datetime(2026, 5, 1, tzinfo=UTC)


def put(path: Path, **columns: object) -> Path:
    rows = {"account_id": ["a", "b", "c"], "label": [True, False, True], "labelled_at": [JUDGED] * 3} | columns
    pl.DataFrame(rows).write_parquet(path)
    return path


def test_without_a_path_there_are_none() -> None:
    assert read_labels(None, 0.01).equals(Labels.create_empty())


def test_a_blank_campaign_is_none_and_identical_rows_are_one(tmp_path: Path) -> None:
    path = put(tmp_path / "l.parquet", account_id=["a", "a", "c"], label=[True] * 3, campaign=["", " ", "x"])
    table = read_label_table(path, 0.01)
    assert table.frame.rows() == [("a", True, JUDGED, None), ("c", True, JUDGED, "x")]
    assert (table.count.rows, table.count.stored, table.count.repeats) == (3, 2, 1)
    assert table.count.changes == {("campaign", "nothing"): 2}


def test_labels_may_be_a_csv_file(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(
        "account_id,label,labelled_at\na,yes,2026-05-01T00:00:00Z\nb,0,2026-05-01 02:00+02:00\n"
    )
    assert read_labels(tmp_path / "l.csv", 0.01).rows() == [("a", True, JUDGED, None), ("b", False, JUDGED, None)]


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    path = put(tmp_path / "l.parquet", label=["true", "perhaps", "no"], labelled_at=["2026-05-01"] * 3)
    with pytest.raises(
        InputError,
        match=r"l\.parquet: 3 of 3 rows break .*labelled_at\|zone in 3 .*label\|flag in 1 of 3 rows, first in row 1",
    ):
        read_labels(path, 0.01)


def test_rows_of_an_account_that_disagree_are_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "l.parquet", account_id=["a", "a", "c"])
    with pytest.raises(InputError, match="account 'a' is labelled more than once: keep one row each"):
        read_labels(path, 0.01)


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    Labels.create_empty().write_parquet(tmp_path / "l.parquet")
    with pytest.raises(InputError, match="holds no labels: expected one row per judged account"):
        read_labels(tmp_path / "l.parquet", 0.01)


def test_labels_that_match_no_account_are_said(tmp_path: Path) -> None:
    labels = read_labels(put(tmp_path / "l.parquet"), 0.01)
    (line,) = list_label_attention(labels, Lake(tmp_path / "lake"), JUDGED, JUDGED)
    assert line.startswith("3 of 3 labels match no account with a request up to 2026-05-01T00:00:00Z, such as 'a'")
    assert list(list_label_attention(labels.clear(), Lake(tmp_path / "lake"), JUDGED, JUDGED)) == []


def test_a_label_of_a_time_to_come_is_said(tmp_path: Path) -> None:
    lake, before = Lake(tmp_path / "lake"), JUDGED - timedelta(days=1)
    labels = read_labels(put(tmp_path / "l.parquet"), 0.01)
    first, _ = list_label_attention(labels, lake, before, before)
    assert first == "the last time of labels is 2026-05-01T00:00:00Z, in the future: are the unit and the zone right?"
    assert len(list(list_label_attention(labels, lake, JUDGED, before))) == 1  # asked about, so it is meant


def test_labels_by_an_older_id_are_those_of_the_account_as_of_then(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    early, late = JUDGED - timedelta(days=2), JUDGED + timedelta(days=1)
    rows = pl.DataFrame({"account_id": ["a", "b", "c"], "same_as": ["b", "x", "y"], "since": [JUDGED] * 3})
    lake.append("aliases", [rows], 1)
    labels = pl.DataFrame(
        [("a", True, JUDGED, "k"), ("x", False, early, None), ("c", False, early, None), ("y", True, late, "k")],
        schema=Labels.create_empty().schema,
        orient="row",
    )
    assert canonical_labels(labels, lake, early).equals(labels)
    assert canonical_labels(labels, lake, JUDGED).rows() == [
        ("x", True, JUDGED, "k"),
        ("y", False, early, None),
        ("y", True, late, "k"),
    ]
    (line,) = list_label_attention(labels, lake, JUDGED, late)
    assert "such as 'x'" in line
