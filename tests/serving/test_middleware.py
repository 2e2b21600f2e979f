"""What stands before the service, over HTTP: who may read reasons, and the thresholds that the server was given."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from stillwatch.client import Client, EndpointError
from tests.serving.conftest import THRESHOLDS, GuardedServer

IDS = [f"fresh-{row}" for row in range(100)]
HIDDEN = {"reasons": [], "indicators": []}


def ask(url: str, authorization: str | None = None) -> tuple[int, Any]:
    headers = {} if authorization is None else {"authorization": authorization}
    response = httpx.post(f"{url}/score", json={"account_ids": [*IDS, "test_act"]}, headers=headers, timeout=60)
    return response.status_code, response.json()


def test_reasons_and_indicators_are_for_callers_that_send_the_analysts_token(
    guarded: GuardedServer, bento: Path
) -> None:
    plain, with_token = ask(guarded.url), ask(guarded.url, f"Bearer {guarded.token}")
    wrong = ask(guarded.url, "Bearer of nothing")
    assert (plain[0], with_token[0], wrong[0]) == (200, 200, 401)
    assert wrong[1]["detail"][0]["field"] == "authorization"
    scores = with_token[1]["scores"]
    assert all(bool(score["reasons"]) == bool(score["indicators"]) == (score["level"] != "low") for score in scores)
    assert any(score["reasons"] for score in scores[:-1]) and scores[-1]["reasons"]
    assert [score | HIDDEN for score in scores[:-1]] == plain[1]["scores"][:-1]
    assert plain[1]["scores"][-1]["reasons"] == []
    home = bento.parent
    assert not [f for f in home.rglob("*") if f.is_file() and guarded.token.encode() in f.read_bytes()]
    assert guarded.token.encode() not in guarded.log.read_bytes()


def test_a_server_may_have_thresholds_of_its_own(guarded: GuardedServer, server: str) -> None:
    ours, usual = ask(guarded.url)[1], ask(server)[1]
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
    expected = ask(guarded.url, f"Bearer {guarded.token}")[1]["scores"]
    for score, row in zip([*answer.scores[:100], answer.scores[-1]], expected, strict=True):
        given = asdict(score) | {"reasons": list(score.reasons), "indicators": [asdict(i) for i in score.indicators]}
        given.pop("features_as_of"), row.pop("features_as_of")
        assert given == row
    assert {score.status for score in answer.scores[100:-1]} == {"unknown_account"}


def test_a_wrong_token_is_an_error_of_the_client(guarded: GuardedServer) -> None:
    with Client(guarded.url, token="wrong") as client, pytest.raises(EndpointError, match="answered 401") as caught:
        client.score(["fresh-0"])
    assert caught.value.status == 401
