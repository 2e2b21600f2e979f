"""What the endpoint shows of itself: metrics, logs and the audit log, asked over HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.deployed_metrics import metrics_of
from tests.serving.conftest import GuardedServer, broken

Samples = dict[str, float]


def ask(guarded: GuardedServer, ids: list[str], key: str = "", **headers: str) -> httpx.Response:
    shown = {"authorization": f"Bearer {key or guarded.plain}", **headers}
    return httpx.post(f"{guarded.url}/score", json={"account_ids": ids}, headers=shown, timeout=60)


def measure(guarded: GuardedServer) -> Samples:
    """Our own samples by name and labels' values, in the order of the labels' names."""
    answer = httpx.get(f"{guarded.url}/metrics", headers={"authorization": f"Bearer {guarded.token}"}, timeout=60)
    assert answer.status_code == 200
    return {
        " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name.startswith("stillwatch_")
    }


def grown(before: Samples, after: Samples) -> Samples:
    return {name: value - before.get(name, 0.0) for name, value in after.items() if value != before.get(name, 0.0)}


@contextmanager
def unwritable_audit(guarded: GuardedServer) -> Iterator[None]:
    """An audit log in whose place something else lies meanwhile."""
    aside = guarded.audit.path.with_suffix(".aside")
    is_there = guarded.audit.path.exists()
    if is_there:
        guarded.audit.path.rename(aside)
    guarded.audit.path.mkdir()
    yield
    guarded.audit.path.rmdir()
    if is_there:
        aside.rename(guarded.audit.path)


def test_scores_are_counted_by_status_and_level_and_test_accounts_are_not(guarded: GuardedServer) -> None:
    before = measure(guarded)
    ids = [*(f"fresh-{row}" for row in range(30)), "old-1", "nobody", "fresh-1", "test_act"]
    scores = ask(guarded, ids).json()["scores"]
    change = grown(before, measure(guarded))
    counted = [
        score for account, score in {score["account_id"]: score for score in scores}.items() if account != "test_act"
    ]
    for level in ("low", "review", "act"):
        expected = sum(score["status"] == "scored" and score["level"] == level for score in counted)
        assert change.get(f"stillwatch_scores_total {level} scored", 0) == expected
    assert sum(change.get(f"stillwatch_scores_total {level} stale", 0) for level in ("low", "review", "act")) == 1
    assert change["stillwatch_scores_total none unknown_account"] == 1
    assert change["stillwatch_feature_age_seconds_count"] == 31
    assert change["stillwatch_feature_age_seconds_bucket 14400.0"] == 30
    assert 360_000 <= change["stillwatch_feature_age_seconds_sum"] - 30 * 3_600 < 2 * 31 * 3_600 + 360_000
    assert change["stillwatch_http_requests_total 200 /score"] == 1


def test_the_model_and_the_newest_features_are_named(guarded: GuardedServer, times: dict[str, Any], model: Any) -> None:
    shown = measure(guarded)
    assert shown[f"stillwatch_model_info stillwatch {model.schema_version} 3"] == 1
    assert shown["stillwatch_features_as_of_timestamp_seconds"] == times["fresh"].timestamp()


def test_the_endpoint_shows_every_metric_that_the_dashboard_and_the_alerts_ask_it_for(guarded: GuardedServer) -> None:
    ask(guarded, ["fresh-1"])
    assert metrics_of("serve") - {name.split()[0] for name in measure(guarded)} == set()


def test_a_store_that_fails_is_counted(guarded: GuardedServer) -> None:
    before = measure(guarded)
    with broken(guarded.store / "online.db"):
        ask(guarded, ["fresh-1", "fresh-2"])
    change = grown(before, measure(guarded))
    assert change["stillwatch_store_errors_total unreadable"] == 1
    assert change["stillwatch_scores_total none unavailable"] == 2


def test_no_reasons_are_given_that_nobody_can_note(guarded: GuardedServer) -> None:
    ids, before = [f"fresh-{row}" for row in range(30)], measure(guarded)
    with unwritable_audit(guarded):
        refused = ask(guarded, ids, guarded.token)
        plain, wrong = ask(guarded, ids), ask(guarded, ids, "sw_wrong")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json() == {
        "error": "reasons are not given now, since the audit log can't be written; a key without the scope reasons is "
        "answered"
    }
    assert (plain.status_code, wrong.status_code) == (200, 401)
    change = grown(before, measure(guarded))
    assert change["stillwatch_audit_failures_total"] == 2
    assert sum(value for name, value in change.items() if name.startswith("stillwatch_scores_total")) == 30
    assert ask(guarded, ids, guarded.token).status_code == 200
    assert "Traceback" not in guarded.log.read_text()
    guarded.audit.verify()


def test_the_log_is_json_names_each_request_by_its_id_and_holds_nothing_of_an_account(guarded: GuardedServer) -> None:
    answer = ask(guarded, ["canary-account", "fresh-1"], **{"x-request-id": "r-77", "user-agent": "canary-agent"})
    assert answer.headers["x-request-id"] == "r-77"
    httpx.get(f"{guarded.url}/canary-path?canary=query", timeout=60)
    httpx.post(f"{guarded.url}/score", content=b"canary-body", headers={"authorization": f"Bearer {guarded.plain}"})
    text = guarded.log.read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    (about,) = [entry for entry in entries if entry["request_id"] == "r-77"]
    assert (about["level"], about["message"]) == ("info", "POST /score 200")
    assert "canary" not in text and "fresh-" not in text and guarded.plain not in text
    assert not [
        entry for entry in entries if "127.0.0.1" in entry["message"] and "listening on" not in entry["message"]
    ]


@pytest.mark.parametrize("path", ["/score", "/made-up", "/metrics"])
def test_who_is_refused_gets_an_id_too(guarded: GuardedServer, path: str) -> None:
    assert len(httpx.get(f"{guarded.url}{path}", timeout=60).headers["x-request-id"]) == 16
