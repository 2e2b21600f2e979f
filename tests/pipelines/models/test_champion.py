"""Champions through the real commands: the gate, a forced promotion, and the way back."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from features.errors import IntegrityError
from pipelines.models import champion
from pipelines.workspace import Workspace
from training import tracking
from training.evaluation.paired import NAMES
from training.models import model as models

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def copied(two_versions: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return shutil.copytree(two_versions, tmp_path / "copied")


def reigning(workspace: Path) -> int | None:
    return tracking.champion_version(Workspace(workspace).tracking_uri)


def packaged(workspace: Path) -> str:
    return champion.packaged(Workspace(workspace)).name.partition("-")[0]


def assert_says_once(said: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    assert said.returncode == status, (said.stdout, said.stderr)
    line = said.stderr.strip()
    assert "\n" not in line
    for word in words:
        assert word in line


def test_to_force_without_a_reason_or_to_reason_without_force_is_refused_in_a_sentence(
    copied: Path, stillwatch: Run, made_world: Path, as_of: datetime
) -> None:
    again = ("retrain", "--labels", made_world / "labels.parquet", "--as-of", as_of.isoformat())
    for call in (("promote",), again):
        for reason in ((), ("--reason", "  ")):
            said = stillwatch(*call, "--force", *reason, "--workspace", copied)
            assert_says_once(said, 2, "--force needs --reason TEXT")
        assert_says_once(stillwatch(*call, "--reason", "x", "--workspace", copied), 2, "--reason goes with --force")
    assert reigning(copied) == 1


def test_a_version_that_the_gate_refuses_ends_with_3(copied: Path, stillwatch: Run) -> None:
    said = stillwatch("promote", "--workspace", copied)
    assert said.returncode == 3, said.stderr
    assert said.stdout.startswith("version 2 ")
    assert reigning(copied) == 1
    begun, done = list(Workspace(copied).audit_log.entries())[-2:]
    assert (begun["event"], done["event"]) == ("promote begun", "promote done")
    expected = {"version": 2, "before": 1, "promoted": False}
    assert expected.items() <= done["details"].items()  # type: ignore[attr-defined]


def test_a_forced_version_is_champion_and_the_record_says_who_knew_better_than_what(
    copied: Path, stillwatch: Run
) -> None:
    said = stillwatch("promote", "--force", "--reason", "the auditors asked", "--workspace", copied)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("version 2 is the champion:\n  forced: the auditors asked\n")
    uri = Workspace(copied).tracking_uri
    assert tracking.champions(uri) == (1, 2)
    record = tracking.decided(uri, 2)[-1]
    assert (record["promote"], record["forced"], record["champion"]) == (True, "the auditors asked", 1)
    assert record["reasons"]
    # not with the champion: it has learned from every campaign of this test set
    assert set(record["differences"]) == {"volume_rule", "logistic_regression"}
    assert all({each["name"] for each in differences} == set(NAMES) for differences in record["differences"].values())
    for footprint in record["footprints"].values():
        assert footprint["size_bytes"] > 10_000
        assert 0 < footprint["seconds_per_account"] < 0.1


@pytest.mark.parametrize("promoted", [(2,), pytest.param((2, 1), marks=pytest.mark.slow)])
def test_a_rollback_brings_the_previous_champion_and_its_bento_back_and_a_second_one_goes_on(
    copied: Path, stillwatch: Run, worse_labels: Path, as_of: datetime, promoted: tuple[int, ...]
) -> None:
    for version in promoted:
        forced = stillwatch("promote", "--version", version, "--force", "--reason", "a drill", "--workspace", copied)
        assert forced.returncode == 0, forced.stderr
    for away, back in pairwise([*reversed(promoted), 1]):
        said = stillwatch("rollback", "--reason", "it flags a reseller", "--workspace", copied)
        assert said.returncode == 0, said.stderr
        assert f"version {back} is the champion again, version {away} was rolled back" in said.stdout
        (*_, done) = Workspace(copied).audit_log.entries()
        assert (done["event"], done["details"]["champion"]) == ("rollback done", back)  # type: ignore[index]
        assert reigning(copied) == back
        assert packaged(copied) == str(back)
        assert models.load(copied / "champion").version == str(back)
        uri = Workspace(copied).tracking_uri
        assert tracking.rolled_back(uri, away) == "it flags a reseller"
        assert tracking.decided(uri, away)[-1]["rolled_back"] == "it flags a reseller"
    assert_says_once(stillwatch("rollback", "--workspace", copied), 2, "no champion to go back to")
    again = stillwatch(
        "retrain", "--labels", worse_labels, "--no-plant", "--as-of", as_of.isoformat(), "--workspace", copied,
    )  # fmt: skip
    assert again.returncode == 3, again.stderr
    assert "Why not: It was rolled back before (it flags a reseller)." in again.stdout
    assert reigning(copied) == 1


def test_scores_by_a_champion_that_learned_from_fewer_days_of_logs_say_so(
    filled_workspace: Path, as_of: datetime, key_is_set: None
) -> None:
    workspace = Workspace(filled_workspace)
    for earlier in (as_of, as_of - timedelta(days=5)):
        assert not list(champion.outgrown(workspace, earlier))
    (said,) = champion.outgrown(workspace, as_of + timedelta(days=9))
    assert said.startswith("the champion learned from 12 days of logs, and there are 21 now: it flags more honest")


def test_a_rollback_to_a_model_that_is_damaged_moves_nothing(copied: Path, stillwatch: Run) -> None:
    forced = stillwatch("promote", "--force", "--reason", "a drill", "--workspace", copied)
    assert forced.returncode == 0, forced.stderr
    uri = Workspace(copied).tracking_uri
    tracking.note(uri, 1, {tracking.registry.MARK: "another"})
    assert_says_once(stillwatch("rollback", "--workspace", copied), 1, "Version 1 of stillwatch is not what was")
    assert reigning(copied) == 2
    assert tracking.champions(uri) == (1, 2)


def test_a_damaged_champion_gives_way_to_a_forced_version_only(copied: Path, stillwatch: Run) -> None:
    uri = Workspace(copied).tracking_uri
    tracking.note(uri, 1, {tracking.registry.MARK: "another"})
    assert_says_once(stillwatch("promote", "--workspace", copied), 1, "Version 1 of stillwatch is not what was")
    forced = stillwatch("promote", "--force", "--reason", "the old one is damaged", "--workspace", copied)
    assert forced.returncode == 0, forced.stderr
    assert reigning(copied) == 2


def test_a_challenger_that_learned_campaigns_to_be_honest_does_not_pass(copied: Path) -> None:
    """Labels that are wrong in the newest data are wrong in the newest test set too; the champion's is older."""
    uri = Workspace(copied).tracking_uri
    assert (tracking.latest_version(uri), reigning(copied)) == (2, 1)
    reasons = tracking.decided(uri, 2)[0]["reasons"]
    assert any("the champion" in reason for reason in reasons), reasons


def test_a_champion_of_other_features_is_compared_by_the_risks_that_it_gave(
    copied: Path, monkeypatch: pytest.MonkeyPatch, as_of: datetime
) -> None:
    real = champion.champion_model

    def older(workspace: Workspace, *, is_current: bool) -> models.Model:
        return replace(real(workspace, is_current=is_current), schema_version="of an older release")

    monkeypatch.setattr(champion, "champion_model", older)
    judged = champion.promote(Workspace(copied), now=as_of)
    assert judged.champion is None
    assert judged.evidence.remembered is not None
    assert "the champion was made for other features" in judged.decision.reasons[0].lower()
    assert reigning(copied) == (2 if judged.decision.promote else 1)


def test_a_version_of_other_features_is_not_promoted_forced_or_not(
    copied: Path, monkeypatch: pytest.MonkeyPatch, as_of: datetime
) -> None:
    monkeypatch.setattr(champion, "SCHEMA_VERSION", "of a later release")
    for reason in ("", "a drill"):
        with pytest.raises(IntegrityError, match="expected 'of a later release': train again"):
            champion.promote(Workspace(copied), now=as_of, reason=reason)
    assert reigning(copied) == 1
