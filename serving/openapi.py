"""The OpenAPI page: what BentoML derives from the messages, with our own answers, examples, access and contact."""

from copy import deepcopy
from typing import Any

from serving.answer.messages import ErrorResponse, refusal

VERSIONED, PLAIN = "/v1/score", "/score"
"""Two names of one route."""

REFUSALS = {
    400: "The request does not match the schema.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too much is under way, or too many calls of this key or wrong keys of this address; see `Retry-After`.",
}

GUARDED_REFUSALS = {
    401: "No valid access key was shown.",
    403: "The access key does not open the scope `score`.",
}

_DESCRIPTION = """Scores accounts by how likely they take part in a distillation campaign.

The accounts `test_low`, `test_review` and `test_act` have fixed answers, one of each level, that ask no store.
"""

_EXAMPLE = {
    "model": {"name": "stillwatch", "version": "3"},
    "thresholds": {"review": 0.2, "act": 0.9},
    "evaluated_at": "2026-06-01T12:00:00Z",
    "scores": [
        {
            "account_id": "a1",
            "status": "scored",
            "risk": 0.25,
            "level": "review",
            "percentile": 99.0,
            "campaign_id": None,
            "reasons": ["one template: 75% of requests begin with the same words"],
            "indicators": [
                {
                    "code": "one_template.top_prefix_share_28d",
                    "text": "one template: 75% of requests begin with the same words",
                    "value": 0.75,
                    "typical": 0.125,
                    "impact": 1.5,
                }
            ],
            "features_as_of": "2026-06-01T00:00:00Z",
            "trouble": None,
        },
        {
            "account_id": "a2",
            "status": "unknown_account",
            "risk": None,
            "level": None,
            "percentile": None,
            "campaign_id": None,
            "reasons": [],
            "indicators": [],
            "features_as_of": None,
            "trouble": None,
        },
    ],
}


def correct_spec(spec: dict[str, Any], is_guarded: bool = False) -> dict[str, Any]:
    """Replace what BentoML's page says of itself, and the errors that `POST /score` does not give.

    Args:
        spec: BentoML's page, which is changed.
        is_guarded: whether callers need access keys.
    """
    spec["openapi"] = "3.1.0"  # pydantic writes `null` as a type, which 3.0 does not know
    spec["info"] = {
        "title": "stillwatch",
        "version": "v1",
        "description": _DESCRIPTION,
        "contact": {"name": "stillwatch"},
    }
    spec["tags"] = [
        {"name": "Service APIs", "description": "Scores of accounts."},
        {"name": "Infrastructure", "description": "Probes and metrics."},
    ]
    operation = spec["paths"][PLAIN]["post"]
    operation["requestBody"]["required"] = True
    _content(operation["requestBody"])["example"] = {"account_ids": ["a1", "a2"]}
    answer = operation["responses"].get("200", operation["responses"].get(200))
    _content(answer)["example"] = _EXAMPLE
    operation["responses"] = {"200": answer, **{str(status): _refusal(text) for status, text in REFUSALS.items()}}
    components = ErrorResponse.model_json_schema(ref_template="#/components/schemas/{model}")
    spec["components"]["schemas"].update(components.pop("$defs"))
    spec["components"]["schemas"]["ErrorResponse"] = components
    if is_guarded:
        _describe_access(spec, operation)
    versioned = deepcopy(operation)
    spec["paths"][VERSIONED] = {"post": versioned | {"operationId": f"{operation['operationId']}_v1"}}
    return spec


def _describe_access(spec: dict[str, Any], operation: dict[str, Any]) -> None:
    """Describe the keys that a guarded server asks for."""
    scheme = {
        "type": "http",
        "scheme": "bearer",
        "description": "An access key with the scope `score`. Without the scope `reasons` the answer holds no "
        "`reasons`, no `indicators` and no `campaign_id`.",
    }
    spec["components"]["securitySchemes"] = {"access_key": scheme}
    operation["security"] = [{"access_key": []}]
    operation["responses"] |= {str(status): {"description": text} for status, text in GUARDED_REFUSALS.items()}


def _content(part: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = part["content"]["application/json"]
    return content


def _refusal(text: str) -> dict[str, Any]:
    """Describe the answer to a request that is refused."""
    example = refusal("account_ids", "what was expected there").model_dump()
    content = {"schema": {"$ref": f"#/components/schemas/{ErrorResponse.__name__}"}, "example": example}
    return {"description": text, "content": {"application/json": content}}
