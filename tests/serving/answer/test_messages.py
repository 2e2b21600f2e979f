import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from serving.answer.messages import (
    MAX_ACCOUNTS,
    MAX_ID_LENGTH,
    AccountScore,
    ErrorResponse,
    ModelName,
    ScoreRequest,
    ScoreResponse,
    Thresholds,
    explain_invalid,
)

IDS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=MAX_ID_LENGTH), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def problem_of(body: str | bytes) -> ErrorResponse:
    with pytest.raises(ValidationError, match="ScoreRequest") as caught:
        ScoreRequest.model_validate_json(body)
    return explain_invalid(caught.value)


@given(IDS)
def test_a_request_keeps_its_accounts_in_order_with_repeats(ids: list[str]) -> None:
    assert ScoreRequest.model_validate_json(json.dumps({"account_ids": ids})).account_ids == ids


@given(JSON)
def test_no_json_does_more_than_be_refused_with_a_field(value: object) -> None:
    try:
        ScoreRequest.model_validate_json(json.dumps(value))
    except ValidationError as error:
        answer = explain_invalid(error)
        assert answer.detail
        assert all(problem.field and problem.message for problem in answer.detail)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    assert problem_of(body).detail[0].field == "body"


@pytest.mark.parametrize(
    ("ids", "field"),
    [
        ([], "account_ids"),
        (["a"] * (MAX_ACCOUNTS + 1), "account_ids"),
        (["a", ""], "account_ids[1]"),
        (["a", "b" * (MAX_ID_LENGTH + 1)], "account_ids[1]"),
        ([7], "account_ids[0]"),
        ([True], "account_ids[0]"),
        ([None], "account_ids[0]"),
        ("a", "account_ids"),
        (None, "account_ids"),
    ],
)
def test_bad_account_ids_are_refused_by_name(ids: object, field: str) -> None:
    assert problem_of(json.dumps({"account_ids": ids})).detail[0].field == field


def test_a_field_that_nobody_knows_is_refused_by_a_bounded_name() -> None:
    answer = problem_of(json.dumps({"account_ids": ["a"], "x" * 1_000: 1}))
    assert answer.detail[0].field == "x" * 64


def test_an_error_never_repeats_what_was_sent() -> None:
    secret = "a sentence from a prompt"
    with pytest.raises(ValidationError, match="account_ids") as caught:
        ScoreRequest.model_validate({"account_ids": [{"text": secret}, 5, secret * 20]})
    assert secret not in str(caught.value)
    assert secret not in explain_invalid(caught.value).model_dump_json()


def test_at_most_ten_of_many_problems_are_listed() -> None:
    answer = problem_of(json.dumps({"account_ids": list(range(1_000))}))
    assert len(answer.detail) == 10
    assert "999 more" in answer.error


@pytest.mark.parametrize("risk", [float("nan"), float("inf"), -0.1, 1.1])
def test_an_answer_holds_no_risk_outside_zero_to_one(risk: float) -> None:
    with pytest.raises(ValidationError, match="risk"):
        AccountScore(account_id="a", status="scored", risk=risk, features_as_of=datetime(2026, 9, 1, tzinfo=UTC))


def test_an_answer_reads_as_the_contract_says() -> None:
    score = AccountScore(account_id="a", status="unknown_account", risk=None, features_as_of=None)
    answer = ScoreResponse(
        model=ModelName(name="stillwatch", version="3"),
        thresholds=Thresholds(review=0.25, act=0.5),
        evaluated_at=datetime(2026, 9, 1, 12, tzinfo=UTC),
        scores=[score],
    )
    assert json.loads(answer.model_dump_json()) == {
        "model": {"name": "stillwatch", "version": "3"},
        "thresholds": {"review": 0.25, "act": 0.5},
        "evaluated_at": "2026-09-01T12:00:00Z",
        "scores": [
            {
                "account_id": "a",
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
        ],
    }
