"""Decisions in the lake: once each, and known from then on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from console.ports import JudgedAccount
from features.schemas import Labels
from pipelines.console.lake_decisions import LakeSink
from pipelines.inputs.labels import with_decided_labels
from pipelines.workspace import Workspace

THEN = datetime(2026, 6, 1, tzinfo=UTC)
LATER = THEN + timedelta(days=2)


def test_the_same_decision_is_stored_once_and_a_held_workspace_is_not_written(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    sink, judged = (
        LakeSink(workspace),
        [JudgedAccount("a", True, "c", "ban"), JudgedAccount("b", None, None, "throttle")],
    )
    with workspace.locked("retrain"):
        assert not sink.store("first", judged, THEN)
    assert sink.store("first", judged, THEN) and sink.store("first", judged, THEN)
    assert workspace.lake.scan("labels").collect().rows() == [("a", True, THEN, "c")]
    assert workspace.lake.scan("enforcement").collect().sort("account_id").rows() == [
        ("a", "ban", THEN), ("b", "throttle", THEN)
    ]  # fmt: skip
    assert workspace.lake.banned(LATER)["account_id"].to_list() == ["a"]


def test_the_newest_label_by_a_time_holds_and_later_ones_change_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    sink, day = LakeSink(workspace), timedelta(days=1)
    rows = [("a", False, THEN - day, None), ("b", True, THEN + day, "file"), ("c", False, LATER + day, None)]
    file = Labels.validate(pl.DataFrame(rows, schema={n: c.dtype for n, c in Labels.columns().items()}, orient="row"))
    sink.store("one", [JudgedAccount("a", True, "c"), JudgedAccount("b", False)], THEN)
    sink.store("two", [JudgedAccount("a", False)], LATER)
    by_then = with_decided_labels(file, workspace.lake, THEN + day).filter(pl.col("labelled_at") <= THEN + day)
    assert by_then.sort("account_id").rows() == [("a", True, THEN, "c"), ("b", True, THEN + day, "file")]
    by_later = with_decided_labels(file, workspace.lake, LATER)
    assert by_later.filter(account_id="a")["label"].to_list() == [False]
    assert by_later["account_id"].to_list().count("c") == 1
    assert with_decided_labels(file, Workspace(tmp_path / "empty").lake, LATER).equals(file)
