"""What stands before the service, over HTTP: who may ask, who may read why, and the server's own thresholds."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.robustness.fuzz import OF_SERVE
from benchmarks.robustness.raw_requests import Spoiler, pickled_requests, send_all
from stillwatch.client import Client, EndpointError
from tests.serving.conftest import THRESHOLDS, GuardedServer

IDS = [f"fresh-{row}" for row in range(100)]
HIDDEN = {"reasons": [], "indicators": [], "campaign_id": None}


def ask(url: str, key: str | None = None) -> tuple[int, Any]:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    response = httpx.post(f"{url}/score", json={"account_ids": [*IDS, "test_act"]}, headers=headers, timeout=60)
    return response.status_code, response.json()


def test_reasons_indicators_and_campaigns_are_for_keys_with_that_scope(guarded: GuardedServer, bento: Path) -> None:
    plain, with_token = ask(guarded.url, guarded.plain), ask(guarded.url, guarded.token)
    assert (plain[0], with_token[0]) == (200, 200)
    scores = with_token[1]["scores"]
    assert all(bool(score["reasons"]) == bool(score["indicators"]) == (score["level"] != "low") for score in scores)
    assert any(score["reasons"] for score in scores[:-1]) and scores[-1]["reasons"]
    assert [score | HIDDEN for score in scores[:-1]] == plain[1]["scores"][:-1]
    assert plain[1]["scores"][-1]["reasons"] == [] and plain[1]["scores"][-1]["campaign_id"] is None
    assert scores[-1]["campaign_id"] is not None
    home = bento.parent
    assert not [f for f in home.rglob("*") if f.is_file() and guarded.token.encode() in f.read_bytes()]
    assert guarded.token.encode() not in guarded.log.read_bytes()
    entry = list(guarded.audit.entries())[-1]
    assert (entry["event"], entry["actor"]) == ("reasons read", "analyst")
    explained = [score["account_id"] for score in scores[:-1] if score["reasons"]]
    assert entry["details"] == {"accounts": [guarded.audit.pseudonym(account) for account in explained]}


def test_a_server_may_have_thresholds_of_its_own(guarded: GuardedServer, server: str) -> None:
    ours, usual = ask(guarded.url, guarded.plain)[1], ask(server)[1]
    assert ours["thresholds"] == THRESHOLDS != usual["thresholds"]
    pairs = list(zip(ours["scores"], usual["scores"], strict=True))[:-1]
    assert all(mine["risk"] == theirs["risk"] for mine, theirs in pairs)
    assert [mine["level"] for mine, _ in pairs] != [theirs["level"] for _, theirs in pairs]
    assert json.dumps(ours["scores"]).count('"act"') > json.dumps(usual["scores"]).count('"act"')


def test_the_client_reads_what_the_server_writes_over_several_batches(guarded: GuardedServer) -> None:
    ids = [*IDS, *(f"nobody-{row}" for row in range(1_000)), "test_act"]
    with Client(guarded.url, token=guarded.token) as client:
        answer = client.score(ids)
    assert [score.account_id for score in answer.scores] == ids
    assert {"review": answer.review_threshold, "act": answer.act_threshold} == THRESHOLDS
    expected = ask(guarded.url, guarded.token)[1]["scores"]
    for score, row in zip([*answer.scores[:100], answer.scores[-1]], expected, strict=True):
        given = asdict(score) | {"reasons": list(score.reasons), "indicators": [asdict(i) for i in score.indicators]}
        given.pop("features_as_of"), row.pop("features_as_of")
        assert given == row
    assert {score.status for score in answer.scores[100:-1]} == {"unknown_account"}


def test_a_wrong_token_is_an_error_of_the_client(guarded: GuardedServer) -> None:
    with Client(guarded.url, token="wrong") as client, pytest.raises(EndpointError, match="answered 401") as caught:
        client.score(["fresh-0"])
    assert caught.value.status == 401


def test_without_a_key_that_opens_it_nothing_but_health_and_the_description_is_answered(guarded: GuardedServer) -> None:
    for path, scope in (("/score", "score"), ("/v1/score", "score"), ("/metrics", "metrics")):
        call = httpx.get if path == "/metrics" else httpx.post
        assert call(f"{guarded.url}{path}", timeout=60).status_code == 401, scope
    refused = httpx.get(f"{guarded.url}/metrics", headers={"authorization": f"Bearer {guarded.plain}"}, timeout=60)
    assert (refused.status_code, refused.json()) == (403, {"error": "this key does not open the scope metrics"})
    allowed = httpx.get(f"{guarded.url}/metrics", headers={"authorization": f"Bearer {guarded.token}"}, timeout=60)
    assert allowed.status_code == 200
    for path in ("/livez", "/readyz", "/docs.json", "/"):
        assert httpx.get(f"{guarded.url}{path}", timeout=60).status_code == 200


def test_a_key_that_is_made_or_revoked_counts_from_the_next_call_on(guarded: GuardedServer) -> None:
    key, made = guarded.keys.create("for a while", ["score"], datetime.now(UTC))
    assert ask(guarded.url, key)[0] == 200
    guarded.keys.revoke(made.key_id, datetime.now(UTC))
    assert ask(guarded.url, key)[0] == 401


def test_no_spoiled_request_gives_a_5xx_or_a_traceback_and_no_pickle_is_run(
    server: str, server_log: Path, tmp_path: Path
) -> None:
    """A small part of `python -m benchmarks fuzz`."""
    spoiler, marker = Spoiler(OF_SERVE, 7), tmp_path / "unpickled"
    tally = send_all(server, [*(spoiler.spoil() for _ in range(250)), *pickled_requests(OF_SERVE, marker)])
    assert tally.failures == []
    assert {200, 400, 404, 415} <= set(tally.statuses)
    assert not marker.exists()
    assert "Traceback" not in server_log.read_text()
    assert ask(server)[0] == 200
