"""The OpenAPI page as callers get it, and what stands in it of access."""

from copy import deepcopy
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema_rs import Draft202012Validator

from features.catalogue import FEATURES
from serving.answer.messages import ScoreRequest, ScoreResponse
from serving.openapi import correct_spec
from tests.serving.conftest import GuardedServer


@pytest.fixture
def page(server: str) -> dict[str, Any]:
    spec: dict[str, Any] = httpx.get(f"{server}/docs.json", timeout=60).raise_for_status().json()
    return spec


def test_the_page_names_the_answers_that_callers_get_under_both_names_of_the_route(page: dict[str, Any]) -> None:
    plain, versioned = (page["paths"][path]["post"] for path in ("/score", "/v1/score"))
    assert set(plain["responses"]) == {"200", "400", "408", "413", "415", "429"}
    ids = plain["requestBody"]["content"]["application/json"]["schema"]["properties"]["account_ids"]
    assert (ids["minItems"], ids["maxItems"]) == (1, 1_000)
    assert plain.pop("operationId") != versioned.pop("operationId")
    assert plain == versioned


def test_every_example_keeps_its_schema(page: dict[str, Any]) -> None:
    operation = page["paths"]["/score"]["post"]
    contents = [operation["requestBody"], *operation["responses"].values()]
    for part in (content["content"]["application/json"] for content in contents):
        schema = part["schema"] | {"components": page["components"]}
        Draft202012Validator(schema).validate(part["example"])
    ScoreRequest.model_validate(contents[0]["content"]["application/json"]["example"])
    answer = ScoreResponse.model_validate(contents[1]["content"]["application/json"]["example"])
    (indicator,) = answer.scores[0].indicators
    (feature,) = (feature for feature in FEATURES if feature.code == indicator.code)
    assert indicator.value is not None
    assert indicator.text == f"{feature.signal.name}: {feature.describe(indicator.value)}"


def test_the_page_speaks_of_this_project_and_not_of_its_libraries(page: dict[str, Any]) -> None:
    assert page["info"]["contact"] == {"name": "stillwatch"}
    assert not [part for part in ("info", "tags") if "bentoml" in str(page[part]).lower()]


def test_keys_are_described_where_the_server_asks_for_them(page: dict[str, Any], guarded: GuardedServer) -> None:
    assert "securitySchemes" not in page["components"]
    assert "security" not in page["paths"]["/score"]["post"]
    described = httpx.get(f"{guarded.url}/docs.json", timeout=60).json()
    assert described["components"]["securitySchemes"]["access_key"]["scheme"] == "bearer"
    assert described["paths"]["/v1/score"]["post"]["security"] == [{"access_key": []}]
    assert {"401", "403"} <= set(described["paths"]["/score"]["post"]["responses"])


def test_the_page_is_the_same_at_every_call(page: dict[str, Any], server: str) -> None:
    assert httpx.get(f"{server}/docs.json", timeout=60).json() == page


def test_a_page_without_the_route_is_not_guessed_at() -> None:
    with pytest.raises(KeyError, match="/score"):
        correct_spec(deepcopy({"openapi": "3.0.2", "info": {}, "paths": {}, "components": {"schemas": {}}}))


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_answers_keep_what_the_openapi_page_promises(server: str, mode: schemathesis.GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{server}/docs.json").include(path="/v1/score")
    (operation,) = [result.ok() for result in schema.get_all_operations()]
    bounded = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    bounded(given(case=operation.as_strategy(generation_mode=mode))(lambda case: _keeps(case, server)))()


def _keeps(case: schemathesis.Case, server: str) -> None:
    response = case.call(base_url=server)
    assert response.status_code < 500
    case.validate_response(response)
