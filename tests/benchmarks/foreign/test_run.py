"""A run over a small world: when it scores, what a variant's logs lack, and that finished steps are not repeated."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from benchmarks.foreign.run import INFRASTRUCTURE, TEXT, VARIANTS, ForeignWorld, Run
from simulation import SimulationRequest, simulate

START = datetime(2026, 3, 1, tzinfo=UTC)
JUDGE = """
import argparse, json
parser = argparse.ArgumentParser()
parser.add_argument("--scores", nargs="+")
parser.add_argument("--campaigns")
parser.add_argument("--json")
options = parser.parse_args()
json.dump({"scores": len(options.scores), "campaigns": options.campaigns}, open(options.json, "w"))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> ForeignWorld:
    """Twelve days, of which the labels know four."""
    folder = tmp_path_factory.mktemp("foreign") / "world"
    simulate(SimulationRequest(scenario="small", out=folder, scale=0.1, days=12, start=START))
    labelled_at = pl.lit(START + timedelta(days=3, hours=5)).cast(pl.Datetime("us", "UTC"))
    labels = pl.read_parquet(folder / "truth.parquet").select("account_id", "label", labelled_at=labelled_at)
    labels.write_parquet(folder / "labels.parquet")
    (folder / "judge.py").write_text(JUDGE)
    return ForeignWorld(folder)


def test_it_trains_at_the_end_of_the_day_of_the_last_label_and_scores_every_five_days_up_to_the_end(
    world: ForeignWorld,
) -> None:
    assert world.trained_at == START + timedelta(days=4)
    assert world.times == [START + timedelta(days=days) for days in (4, 7, 12)]


@pytest.mark.parametrize("without", VARIANTS)
def test_a_variant_lacks_its_columns_and_nothing_else(world: ForeignWorld, without: str, tmp_path: Path) -> None:
    run = Run(world, tmp_path / without, without)
    run.folder.mkdir()
    folder = run.blank_tables()
    lost = {"text": set(TEXT), "infrastructure": set(INFRASTRUCTURE), "organizations": {"organization_id"}}[without]
    for table in ("requests", "accounts"):
        pattern = "requests/*.parquet" if table == "requests" else f"{table}.parquet"
        before, after = (pl.read_parquet(source / pattern) for source in (world.folder, folder))
        assert before.schema == after.schema
        gone = lost & set(before.columns)
        assert all(before[name].count() and not after[name].count() for name in gone)
        assert after.drop(gone).equals(before.drop(gone))


@pytest.mark.slow
def test_the_tables_of_a_run_are_ingested_once(
    world: ForeignWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLWATCH_KEY", "5a" * 32)
    run = Run(world, tmp_path / "run")
    run.fill()
    mark = run.folder / "workspace" / "mark"
    mark.touch()
    run.fill()
    assert mark.exists()
    assert run.workspace.lake.scan("events").select(pl.len()).collect().item() > 1_000
    (run.folder / "made_from").write_text("another state or world")
    run.fill()
    assert not mark.exists()


def test_the_worlds_own_judge_gets_the_scores_and_the_campaigns(world: ForeignWorld, tmp_path: Path) -> None:
    judged = Run(world, tmp_path).judge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert judged == {"scores": 2, "campaigns": str(tmp_path / "c")}
    assert Run(world, tmp_path).judge([tmp_path / "a"]) == {"scores": 1, "campaigns": None}


def test_a_judge_that_fails_ends_the_run_with_its_words(world: ForeignWorld, tmp_path: Path) -> None:
    broken = ForeignWorld(tmp_path)
    (tmp_path / "judge.py").write_text("raise SystemExit('no truth here')")
    with pytest.raises(SystemExit, match="no truth here"):
        Run(broken, tmp_path).judge([tmp_path / "a"])
