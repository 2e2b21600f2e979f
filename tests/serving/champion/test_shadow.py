"""A model beside the champion: it says what it would have said, within bounds, and changes no answer."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import serving.champion.shadow
from features.store.online_reader import Online
from serving.answer.scorer import RowsToScore, score_rows
from serving.champion.shadow import ANSWERS, Shadow
from serving.champion.succession import ModelSettings, ServedModel
from tests.serving.conftest import THRESHOLDS, GuardedServer, made_features, made_model
from training.models import model as models
from training.models.artifact import copy_model


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[ServedModel, ServedModel]:
    """A champion and another model."""
    folder = tmp_path_factory.mktemp("pair")
    for version in ("3", "4"):
        models.save(made_model(version, seed=int(version)), folder / f"saved-{version}")
        copy_model(folder / f"saved-{version}", folder / version, version)
    champion, other = (ModelSettings().open(folder / version) for version in ("3", "4"))
    return champion, other


class Asked:
    """A champion's answers about n accounts, of which every fifth is unknown."""

    def __init__(self, champion: ServedModel, accounts: int) -> None:
        now = datetime.now(UTC)
        times = [None if row % 5 == 4 else now for row in range(accounts)]
        nothing: list[str | None] = [None] * accounts
        self.online = Online(
            made_features(accounts, 8), times, nothing, nothing, np.linspace(-1, 1, accounts), np.zeros(accounts, bool)
        )
        rows = RowsToScore([f"a{row}" for row in range(accounts)], self.online.matrix, times, lift=self.online.lift)
        self.scores = score_rows(champion.model, rows, features=None, fresh_since=now - timedelta(hours=1))


def written(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_what_both_say_of_each_known_account_is_written_and_only_its_owner_may_read_it(
    pair: tuple[ServedModel, ServedModel], tmp_path: Path
) -> None:
    champion, other = pair
    asked, shadow = Asked(champion, 20), Shadow(other, tmp_path / ANSWERS, pytest.fail)
    shadow.offer(champion, asked.scores, asked.online)
    shadow.flush()
    rows = written(tmp_path / ANSWERS)
    scored = [row for row, score in enumerate(asked.scores) if score.risk is not None]
    assert len(scored) == 16
    assert [(row["account_id"], row["risk"], row["level"]) for row in rows] == [
        (score.account_id, score.risk, score.level) for score in (asked.scores[row] for row in scored)
    ]
    risks = other.model.predict(asked.online.matrix[scored], asked.online.lift[scored]).tolist()
    assert [row["shadow_risk"] for row in rows] == risks
    assert [row["shadow_level"] for row in rows] == [other.thresholds.level(risk) for risk in risks]
    assert {(row["champion"], row["shadow"]) for row in rows} == {("3", "4")}
    assert (tmp_path / ANSWERS).stat().st_mode & 0o777 == 0o600


def test_no_more_accounts_are_scored_in_a_second_than_the_limit(
    pair: tuple[ServedModel, ServedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion, other = pair
    asked, shadow = Asked(champion, 20), Shadow(other, tmp_path / ANSWERS, pytest.fail, limit=10)
    monkeypatch.setattr(serving.champion.shadow, "_A_SECOND", 3_600.0)
    shadow._since = -3_600.0
    for _ in range(5):
        shadow.offer(champion, asked.scores, asked.online)
    shadow.flush()
    assert len(written(tmp_path / ANSWERS)) == 10
    shadow._since -= 3_600.0
    shadow.offer(champion, asked.scores, asked.online)
    shadow.flush()
    assert len(written(tmp_path / ANSWERS)) == 20


def test_a_file_that_is_full_or_can_not_be_written_ends_the_work_and_is_told_once(
    pair: tuple[ServedModel, ServedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion, other = pair
    asked, said = Asked(champion, 20), list[str]()
    monkeypatch.setattr(serving.champion.shadow, "_MOST_BYTES", 100)
    for file in (tmp_path / ANSWERS, tmp_path / "nowhere" / ANSWERS):
        shadow = Shadow(other, file, said.append)
        shadow._since = -10.0
        for _ in range(3):
            shadow.offer(champion, asked.scores, asked.online)
            shadow.flush()
            shadow._since -= 2
        assert written(file) == []
    assert said == [
        f"the other model's scores are not written any more ({name})" for name in ("OSError", "FileNotFoundError")
    ]


def test_a_served_champion_answers_the_same_with_a_model_beside_it(guarded: GuardedServer, server: str) -> None:
    ids = ["fresh-1", "fresh-2", "nobody", "old-3"]
    alone = httpx.post(f"{server}/score", json={"account_ids": ids}).json()["scores"]
    headers = {"authorization": f"Bearer {guarded.plain}"}
    answer = httpx.post(f"{guarded.url}/score", json={"account_ids": ids}, headers=headers).json()
    assert answer["model"]["version"] == "3"
    assert [score["risk"] for score in answer["scores"]] == [score["risk"] for score in alone]
    end, rows = time.monotonic() + 20, list[dict[str, Any]]()
    while not rows and time.monotonic() < end:
        time.sleep(0.05)
        rows = [row for row in written(guarded.shadow / ANSWERS) if row["account_id"] in ids]
    assert {row["account_id"] for row in rows} == {"fresh-1", "fresh-2", "old-3"}
    for row in rows:
        is_act, is_review = (row["shadow_risk"] >= THRESHOLDS[level] for level in ("act", "review"))
        assert row["shadow_level"] == ("act" if is_act else "review" if is_review else "low")
