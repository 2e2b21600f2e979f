"""Champions and those before them, through a real MLflow on SQLite."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from features.errors import InputError
from training import tracking
from training.gate.promotion import Decision, force
from training.tracking.client import NAME, connect
from training.tracking.decisions import LINE, record_promotion, record_rollback, rolled_back, settle

GOOD, BAD = Decision(True, ("Better.",)), Decision(False, ("Worse.", "Much worse."))


@pytest.fixture
def uri(new_store: Callable[[Path], str], tmp_path: Path) -> str:
    """A registry of three versions, none of them champion, the last one waiting."""
    store = new_store(tmp_path)
    client = connect(store)
    experiment = client.create_experiment("stillwatch", artifact_location=(tmp_path / "artifacts").as_uri())
    client.create_registered_model(NAME)
    for _ in range(3):
        run = client.create_run(experiment)
        client.create_model_version(NAME, source=f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    client.set_registered_model_alias(NAME, tracking.CHALLENGER, "3")
    return store


def reigning(uri: str) -> int | None:
    return tracking.registry.aliased(connect(uri), tracking.CHAMPION)


def waiting(uri: str) -> int | None:
    return tracking.challenger(uri)


def tags(uri: str, version: int) -> dict[str, str]:
    return connect(uri).get_model_version(NAME, str(version)).tags


def test_the_line_of_champions_is_kept_in_the_registry(uri: str) -> None:
    assert tracking.champions(uri) == ()
    for version in (1, 3, 2):
        assert record_promotion(uri, version, GOOD)
    assert tracking.champions(uri) == (1, 3, 2)
    assert connect(uri).get_registered_model(NAME).tags[LINE] == "1 3 2"
    assert waiting(uri) is None


def test_the_champion_again_makes_the_line_no_longer(uri: str) -> None:
    for version in (1, 1, 2, 2):
        record_promotion(uri, version, GOOD)
    assert tracking.champions(uri) == (1, 2)


def test_a_decision_against_moves_nothing_and_every_decision_stays_on_record(uri: str) -> None:
    record_promotion(uri, 1, GOOD)
    assert not record_promotion(uri, 3, BAD, {"champion": 1})
    assert (reigning(uri), waiting(uri)) == (1, 3)
    assert tags(uri, 3) == {"gate": "kept out", "gate_reasons": "Worse. Much worse."}
    assert record_promotion(uri, 3, force(BAD, "the auditors asked"), {"champion": 1})
    assert reigning(uri) == 3
    assert tags(uri, 3) == {"gate": "forced", "gate_reasons": "Worse. Much worse.", "forced": "the auditors asked"}
    refused, forced = tracking.decided(uri, 3)
    assert refused == {"promote": False, "reasons": ["Worse.", "Much worse."], "forced": "", "champion": 1}
    assert (forced["promote"], forced["forced"]) == (True, "the auditors asked")
    assert tracking.decided(uri, 2) == []


def test_a_rollback_puts_the_previous_champion_back_and_the_next_one_goes_on_further_back(uri: str) -> None:
    for version in (1, 2, 3):
        record_promotion(uri, version, GOOD)
    assert record_rollback(uri, "it flags a reseller", {"at": "today"}) == (3, 2)
    settle(uri)
    assert tracking.champions(uri) == (1, 2)
    assert rolled_back(uri, 3) == "it flags a reseller"
    assert tags(uri, 3)["gate"] == "rolled back"
    assert tracking.decided(uri, 3)[-1] == {"rolled_back": "it flags a reseller", "champion": 2, "at": "today"}
    assert record_rollback(uri, "again") == (2, 1)
    settle(uri)
    assert (reigning(uri), tracking.champions(uri)) == (1, (1,))


@pytest.mark.parametrize(("promoted", "why"), [((), "there is none now"), ((2,), "no other was champion before")])
def test_without_a_previous_champion_there_is_nothing_to_go_back_to(
    uri: str, promoted: tuple[int, ...], why: str
) -> None:
    for version in promoted:
        record_promotion(uri, version, GOOD)
    with pytest.raises(InputError, match=f"no champion to go back to, {why}: choose a version"):
        record_rollback(uri, "a mistake")


def test_a_version_that_was_taken_back_may_return_and_is_then_not_marked_any_more(uri: str) -> None:
    for version in (1, 2):
        record_promotion(uri, version, GOOD)
    record_rollback(uri, "too early")
    record_promotion(uri, 2, GOOD)
    assert rolled_back(uri, 2) is None
    assert tracking.champions(uri) == (1, 2)


def test_a_rollback_that_was_killed_before_it_was_settled_is_finished_by_the_next(uri: str) -> None:
    for version in (1, 2, 3):
        record_promotion(uri, version, GOOD)
    assert record_rollback(uri, "bad") == (3, 2)
    assert tracking.champions(uri) == (1, 2)
    assert record_rollback(uri, "bad") == (3, 2)
    settle(uri)
    assert record_rollback(uri, "bad too") == (2, 1)


def test_a_promotion_that_was_killed_before_the_alias_moved_leaves_the_old_champion_and_line(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in (1, 2):
        record_promotion(uri, version, GOOD)
    connect(uri).set_registered_model_tag(NAME, LINE, "1 2 3")
    assert tracking.champions(uri) == (1, 2)
    assert record_rollback(uri, "bad") == (2, 1)
    settle(uri)
    assert connect(uri).get_registered_model(NAME).tags[LINE] == "1"


def test_settling_removes_a_challenger_that_is_the_champion(uri: str) -> None:
    settle(uri)
    assert waiting(uri) == 3
    record_promotion(uri, 3, GOOD)
    connect(uri).set_registered_model_alias(NAME, tracking.CHALLENGER, "3")
    settle(uri)
    assert (reigning(uri), waiting(uri)) == (3, None)


def test_a_champion_from_before_there_was_a_line_is_its_beginning(uri: str) -> None:
    connect(uri).set_registered_model_alias(NAME, tracking.CHAMPION, "1")
    assert tracking.champions(uri) == (1,)
    record_promotion(uri, 2, GOOD)
    assert tracking.champions(uri) == (1, 2)


@pytest.mark.parametrize("left", ["", "[{", json.dumps({"promote": True})])
def test_half_a_record_is_no_obstacle_and_one_of_an_earlier_release_is_kept(uri: str, left: str) -> None:
    client = connect(uri)
    client.log_text(client.get_model_version(NAME, "1").run_id, left, tracking.registry.DECISION)
    record_promotion(uri, 1, GOOD)
    assert tracking.decided(uri, 1)[-1]["reasons"] == ["Better."]
    assert len(tracking.decided(uri, 1)) == (2 if "promote" in left else 1)


def test_an_unknown_version_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match="no version 99 of stillwatch"):
        record_promotion(uri, 99, GOOD)
