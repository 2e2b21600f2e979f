"""The endpoint as its callers meet it: a built Bento, served by BentoML, asked over HTTP."""

import http.client
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.catalogue import FEATURES
from serving.answer import scorer
from serving.answer.store_reader import PAUSE_SECONDS
from serving.middleware import BODY
from tests.serving.conftest import GuardedServer, broken, emptied
from training.models.model import Model

JSON = {"content-type": "application/json"}
Answer = tuple[int, Any, http.client.HTTPResponse]


class Client:
    """One keep-alive connection to the server."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url, self.headers = url, JSON | {"authorization": f"Bearer {key}"}
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        content = response.read()
        is_json = (response.getheader("content-type") or "").startswith("application/json")
        return response.status, json.loads(content) if is_json else content.decode(), response

    def post(self, value: object) -> Answer:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.call("POST", "/score", body, self.headers)

    def scores(self, ids: list[str]) -> list[dict[str, Any]]:
        status, answer, _ = self.post({"account_ids": ids})
        assert status == 200, answer
        assert answer["model"] == {"name": "stillwatch", "version": "3"}
        scores: list[dict[str, Any]] = answer["scores"]
        return scores


@pytest.fixture
def client(server: str) -> Iterator[Client]:
    connected = Client(server)
    yield connected
    connected.connection.close()


def test_accounts_come_in_the_order_asked_repeats_and_unknown_ones_too(client: Client) -> None:
    ids = ["fresh-7", "nobody", "old-1", "fresh-7", "fresh-2", "nobody", "fresh-7"]
    scores = client.scores(ids)
    assert [score["account_id"] for score in scores] == ids
    assert scores[0] == scores[3] == scores[6]
    assert scores[1] == {
        "account_id": "nobody",
        "status": "unknown_account",
        "risk": None,
        "level": None,
        "percentile": None,
        "campaign_id": None,
        "reasons": [],
        "indicators": [],
        "features_as_of": None,
        "trouble": None,
    }


def test_features_older_than_the_limit_are_scored_as_stale(client: Client, times: dict[str, datetime]) -> None:
    fresh, old = client.scores(["fresh-0", "old-0"])
    assert (fresh["status"], old["status"]) == ("scored", "stale")
    assert old["risk"] is not None
    for score, kind in ((fresh, "fresh"), (old, "old")):
        assert datetime.fromisoformat(score["features_as_of"]) == times[kind]
        assert datetime.fromisoformat(score["features_as_of"]).utcoffset() == UTC.utcoffset(None)


def test_a_thousand_accounts_get_bit_for_bit_the_risks_and_indicators_of_batch_scoring(
    client: Client, model: Model, stored_accounts: tuple[list[str], scorer.Matrix]
) -> None:
    ids, matrix = stored_accounts
    assert len(ids) == 1_000
    risks = model.predict(matrix)
    scores = client.scores(ids)
    assert [score["risk"] for score in scores] == risks.tolist()
    assert [score["percentile"] for score in scores] == model.reference.percentiles(risks).tolist()
    explained = scorer.explain(model, scorer.RowsToScore(ids, matrix, [None] * len(ids)), risks, FEATURES)
    assert [score["indicators"] for score in scores] == [[each.model_dump() for each in row] for row in explained]
    assert [score["reasons"] for score in scores] == [[each.text for each in row] for row in explained]
    thresholds = scorer.thresholds_of(model)
    assert [score["level"] for score in scores] == [thresholds.level(risk) for risk in risks.tolist()]
    assert {score["level"] for score in scores} == {"low", "review", "act"}
    flagged = risks >= model.review_threshold
    assert 20 < flagged.sum() < 900
    assert [bool(score["reasons"]) for score in scores] == flagged.tolist()


def test_an_answer_has_the_time_and_the_thresholds_and_another_name_of_the_route_gives_the_same(
    client: Client, model: Model
) -> None:
    body = json.dumps({"account_ids": ["fresh-1", "old-1", "nobody"]}).encode()
    before = datetime.now(UTC)
    (status, plain, _), (v1_status, versioned, _) = (
        client.call("POST", p, body, JSON) for p in ("/score", "/v1/score")
    )
    assert (status, v1_status) == (200, 200)
    assert before <= datetime.fromisoformat(plain.pop("evaluated_at")) <= datetime.now(UTC)
    versioned.pop("evaluated_at")
    assert plain == versioned
    assert plain["thresholds"] == model.thresholds
    assert client.call("POST", "/v1/score", b"[]", JSON)[0] == 400
    assert client.call("GET", "/v1/score")[0] == 405


def test_the_test_accounts_have_one_level_each(client: Client) -> None:
    scores = client.scores(["test_act", "fresh-0", "test_low", "test_review"])
    assert [score["account_id"] for score in scores] == ["test_act", "fresh-0", "test_low", "test_review"]
    assert [scores[row]["level"] for row in (2, 3, 0)] == ["low", "review", "act"]
    assert scores[1] == client.scores(["fresh-0"])[0]


def test_one_account_alone_gets_the_same_answer_as_among_many(
    client: Client, stored_accounts: tuple[list[str], scorer.Matrix]
) -> None:
    ids = stored_accounts[0][:60]
    together = client.scores(ids)
    assert [client.scores([account_id])[0] for account_id in ids] == together


BAD = {
    "no body": (b"", "body"),
    "half a body": (b'{"account_ids": ["a"', "body"),
    "not UTF-8": (b'{"account_ids": ["\xff\xfe"]}', "body"),
    "lone surrogate": (b'{"account_ids": ["\\ud800"]}', "body"),
    "deep nesting": (b'{"account_ids": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "body"),
    "huge number": (b'{"account_ids": [' + b"9" * 100_000 + b"]}", ""),
    "infinite exponent": (b'{"account_ids": [1e999999999]}', "account_ids[0]"),
    "NaN": (b'{"account_ids": [NaN]}', "account_ids[0]"),
    "a list": (b"[]", "body"),
    "null": (b"null", "body"),
    "no field": (b"{}", "account_ids"),
    "null field": (b'{"account_ids": null}', "account_ids"),
    "a word": (b'{"account_ids": "a"}', "account_ids"),
    "none": (b'{"account_ids": []}', "account_ids"),
    "too many": (json.dumps({"account_ids": ["a"] * 1_001}).encode(), "account_ids"),
    "number": (b'{"account_ids": ["a", 5]}', "account_ids[1]"),
    "bool": (b'{"account_ids": [true]}', "account_ids[0]"),
    "null id": (b'{"account_ids": [null]}', "account_ids[0]"),
    "object id": (b'{"account_ids": [{"a": 1}]}', "account_ids[0]"),
    "empty id": (b'{"account_ids": [""]}', "account_ids[0]"),
    "long id": (json.dumps({"account_ids": ["a" * 257]}).encode(), "account_ids[0]"),
    "other field": (b'{"account_ids": ["a"], "limit": 5}', "limit"),
}


@pytest.mark.parametrize(("body", "field"), BAD.values(), ids=BAD.keys())
def test_a_bad_body_gets_400_and_the_name_of_the_field(client: Client, body: bytes, field: str) -> None:
    status, answer, _ = client.post(body)
    assert status == 400
    assert answer["detail"][0]["field"].startswith(field)
    assert "Traceback" not in json.dumps(answer)
    assert client.scores(["fresh-1"])  # the same connection still serves


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/vnd.bentoml+pickle",
        "",
    ],
)
def test_another_content_type_gets_415(client: Client, kind: str) -> None:
    status, answer, _ = client.call("POST", "/score", b'{"account_ids": ["a"]}', {"content-type": kind})
    assert (status, answer["detail"][0]["field"]) == (415, "body")


def test_json_with_a_charset_is_json(client: Client) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert client.call("POST", "/score", b'{"account_ids": ["fresh-1"]}', headers)[0] == 200


def test_a_body_above_the_limit_gets_413_declared_or_in_chunks(server: str) -> None:
    body = b" " * (BODY.most_bytes + 1)
    assert Client(server).call("POST", "/score", body, JSON)[0] == 413
    chunks = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    assert Client(server).call("POST", "/score", chunks, JSON)[0] == 413
    assert (
        Client(server).call("POST", "/score", b" " * (BODY.most_bytes - 30) + b'{"account_ids": ["a"]}', JSON)[0] == 200
    )


def test_a_good_body_may_come_in_chunks(client: Client) -> None:
    status, answer, _ = client.call("POST", "/score", iter([b'{"account_ids":', b' ["fresh-1"]}']), JSON)
    assert (status, answer["scores"][0]["status"]) == (200, "scored")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_another_method_gets_405(client: Client, method: str) -> None:
    assert client.call(method, "/score")[0] == 405


@pytest.mark.parametrize("path", ["/nothing", "/score/", "/score/submit", "/%00", "/..%2f..%2fetc/passwd"])
def test_an_unknown_path_gets_4xx_or_leads_home(client: Client, path: str) -> None:
    assert 300 <= client.call("POST", path, b"{}", JSON)[0] < 500


@pytest.mark.parametrize("name", ["\x00", "a\nb", "' OR 1=1 --", "ø€😀", " ", "a" * 256, "\u202e", "../../x"])
def test_any_string_may_be_the_id_of_an_account(client: Client, name: str) -> None:
    score = client.scores([name])[0]
    assert (score["account_id"], score["status"]) == (name, "unknown_account")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: json.dumps([text]).encode()))
def test_no_body_at_all_gives_a_5xx(client: Client, body: bytes) -> None:
    status, answer, _ = client.post(body)
    assert status == 400
    assert answer["detail"]


def test_the_probes_the_metrics_and_the_front_page_answer(client: Client) -> None:
    client.scores(["fresh-1"])
    assert [client.call("GET", path)[0] for path in ("/livez", "/readyz")] == [200, 200]
    status, metrics, _ = client.call("GET", "/metrics")
    assert status == 200 and "bentoml_service_request_duration_seconds" in metrics
    status, page, _ = client.call("GET", "/")
    assert status == 200 and "POST /score" in page
    assert "http" not in page.lower().replace("http-equiv", "")


def test_what_went_wrong_is_not_in_the_log_with_what_was_sent(client: Client, server_log: Any) -> None:
    canary = "a canary sentence that nobody else writes"
    client.post({"account_ids": [{"text": canary}], canary: canary})
    client.post(canary.encode())
    client.scores([canary])
    client.call("GET", f"/{canary.replace(' ', '-')}")
    log = server_log.read_text()
    assert "canary" not in log
    assert "Traceback" not in log


def test_a_store_that_can_not_be_read_makes_accounts_unavailable_and_no_stranger_of_anybody(
    guarded: GuardedServer,
) -> None:
    client = Client(guarded.url, guarded.plain)
    ids = [*(f"fresh-{row}" for row in range(40)), "nobody", "test_low"]
    before = client.scores(ids)
    with broken(guarded.store / "online.db"):
        many, few = client.scores(ids), client.scores(ids[-3:])
        assert client.call("GET", "/readyz")[0] == 503
    assert [score["status"] for score in many] == ["unavailable"] * 41 + ["scored"]
    assert [score["status"] for score in few] == ["unavailable", "unavailable", "scored"]
    assert {score["risk"] for score in many[:-1]} == {None}
    assert {score["trouble"] for score in many[:-1]} == {"store_damaged"}
    time.sleep(PAUSE_SECONDS)
    assert [score["risk"] for score in client.scores(ids)] == [score["risk"] for score in before]
    client.connection.close()
    log = guarded.log.read_text()
    assert "the online store can't be read (" in log and "Traceback" not in log and "fresh-" not in log


def test_nobody_is_a_stranger_to_a_store_that_was_emptied(guarded: GuardedServer) -> None:
    client = Client(guarded.url, guarded.plain)
    with emptied(guarded.store / "online.db"):
        scores = client.scores(["fresh-3", "nobody", "test_act"])
        assert client.call("GET", "/readyz")[0] == 503
    assert [score["status"] for score in scores] == ["unavailable", "unavailable", "scored"]
    assert [score["trouble"] for score in scores] == ["store_empty", "store_empty", None]
    assert client.scores(["fresh-3"])[0]["status"] == "scored"
    client.connection.close()


def test_the_known_accounts_are_not_all_alike(stored_accounts: tuple[list[str], scorer.Matrix]) -> None:
    assert len(np.unique(stored_accounts[1][:, 0])) > 500
