"""A version beside the champion: how it is put there, and what the report says of two versions' answers."""

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from scipy.stats import spearmanr

from features.errors import InputError
from pipelines.models.shadow import FOLDER, put_shadow, report_shadow
from pipelines.workspace import Workspace
from serving.champion.shadow import ANSWERS, SERVED
from serving.champion.succession import MODEL, ModelSettings
from training.tracking import CHALLENGER
from training.tracking.client import NAME, connect

Run = Callable[..., subprocess.CompletedProcess[str]]
LEVELS = ("low", "review", "act")
BEGIN = datetime(2026, 5, 1, tzinfo=UTC)


def level(risk: float) -> str:
    return LEVELS[(risk >= 0.5) + (risk >= 0.8)]


@pytest.fixture
def answered(tmp_path: Path) -> Path:
    """A workspace with answers of versions 1 and 2 about 50 accounts, after some of an older pair and before a cut."""
    file = tmp_path / "workspace" / FOLDER / ANSWERS
    file.parent.mkdir(parents=True)
    rows = []
    for number in range(150):
        risk, other = (number % 50) / 50, ((number * 7) % 50) / 50
        pair = ("0", "1") if number < 50 else ("1", "2")
        at = (BEGIN + timedelta(minutes=number)).isoformat()
        rows.append(
            {
                "at": at,
                "account_id": f"a{number % 50}",
                "champion": pair[0],
                "risk": risk,
                "level": level(risk),
                "shadow": pair[1],
                "shadow_risk": other if number >= 100 else 0.0,
                "shadow_level": level(other) if number >= 100 else "low",
            }
        )
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    (tmp_path / "workspace" / "lake").mkdir()
    return tmp_path / "workspace"


def test_the_report_compares_the_last_answers_of_the_pair_that_answered_last(answered: Path) -> None:
    report = report_shadow(Workspace(answered))
    assert (report.champion, report.shadow, report.answers, report.latest.height) == ("1", "2", 100, 50)
    assert (report.begin, report.end) == (BEGIN + timedelta(minutes=50), BEGIN + timedelta(minutes=149))
    risks = {f"a{n % 50}": (n % 50 / 50, n * 7 % 50 / 50) for n in range(100, 150)}
    assert {
        name: (risk, other) for name, risk, other in report.latest.select("account_id", "risk", "shadow_risk").rows()
    } == risks
    first, second = zip(*risks.values(), strict=True)
    assert report.rank_correlation == pytest.approx(spearmanr(first, second).statistic)
    levels = [(level(risk), level(other)) for risk, other in risks.values()]
    assert report.agreement == pytest.approx(sum(left == right for left, right in levels) / 50)
    assert all(report.count(left, right) == levels.count((left, right)) for left in LEVELS for right in LEVELS)
    order = LEVELS.index
    raised = {name for name, (risk, other) in risks.items() if order(level(other)) > order(level(risk))}
    lowered = {name for name, (risk, other) in risks.items() if order(level(other)) < order(level(risk))}
    assert raised and lowered
    assert set(report.raised()["account_id"]) == raised
    assert set(report.lowered()["account_id"]) == lowered
    assert report.raised()["shadow_risk"].is_sorted(descending=True)


def test_a_line_that_a_kill_has_cut_is_left_out(answered: Path) -> None:
    file = answered / FOLDER / ANSWERS
    whole = file.read_text()
    file.write_text(whole[:-40])
    assert report_shadow(Workspace(answered)).answers == 99
    file.write_text(whole[:-40] + "\n" + whole.splitlines()[-1] + "\n")
    assert report_shadow(Workspace(answered)).answers == 100


def test_the_command_prints_who_would_be_flagged_anew_and_writes_the_last_answers(
    answered: Path, stillwatch: Run, tmp_path: Path
) -> None:
    result = stillwatch("shadow", "report", "--workspace", answered, "--out", tmp_path / "answers.parquet")
    assert result.returncode == 0, result.stderr
    assert "Version 2 beside version 1: 100 answers about 50 accounts from 2026-05-01T00:50:00Z" in result.stdout
    raised = report_shadow(Workspace(answered)).raised()
    assert f"{raised.height} accounts would rise: {raised['account_id'][0]}, " in result.stdout
    assert pl.read_parquet(tmp_path / "answers.parquet").height == 50


def test_without_answers_the_command_says_how_to_get_some(stillwatch: Run, tmp_path: Path) -> None:
    (tmp_path / "workspace" / "lake").mkdir(parents=True)
    result = stillwatch("shadow", "report", "--workspace", tmp_path / "workspace")
    assert result.returncode == 2
    assert "holds no answer yet: run `stillwatch serve --shadow challenger`" in result.stderr


@pytest.fixture
def waiting(two_versions: Path, tmp_path: Path) -> Workspace:
    """A workspace whose version 2 waits at the gate."""
    workspace = Workspace(Path(shutil.copytree(two_versions, tmp_path / "waiting")))
    connect(workspace.tracking_uri).set_registered_model_alias(NAME, CHALLENGER, "2")
    return workspace


def test_the_challenger_is_put_beside_the_champion_as_it_was_registered(waiting: Workspace) -> None:
    for version in ("challenger", "2"):
        folder = put_shadow(waiting, version)
        assert ModelSettings().open(folder / SERVED / MODEL).name.version == "2"
    assert ModelSettings().open(put_shadow(waiting, "1") / SERVED / MODEL).name.version == "1"
    assert sorted(path.name for path in (waiting.root / FOLDER).iterdir()) == [SERVED]


@pytest.mark.parametrize(
    ("version", "sentence"), [("9", "9"), ("newest", "--shadow is 'newest': give `challenger`, or the number")]
)
def test_a_version_that_is_not_there_is_refused(waiting: Workspace, version: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        put_shadow(waiting, version)
