"""Requests and answers of the scoring endpoint, as pydantic models; the OpenAPI page is derived from them.

This file does not depend on HTTP, a model or a store. Requests are strict (a number is no account id, an unknown field
is an error), and errors never repeat the caller's input. Answers can't hold NaN or infinity.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MAX_ACCOUNTS = 1_000
MAX_ID_LENGTH = 256

AccountId = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=MAX_ID_LENGTH)]
Status = Literal["scored", "unknown_account", "stale", "unavailable"]


class ScoreRequest(BaseModel):
    """The accounts to score; the answer lists them in this order, repeats included."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    account_ids: list[AccountId] = Field(min_length=1, max_length=MAX_ACCOUNTS)


class ModelName(BaseModel):
    """The registered model that gave the risks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str


class AccountScore(BaseModel):
    """One account's risk: a calibrated probability, null for an account without stored features.

    `features_as_of` is the time (UTC) up to which the account's features count requests; `status` is `stale` if that is
    older than the freshness limit, and `unavailable` (risk null) if the store can't answer for the account, since what
    it holds is damaged. `reasons` are given only at or above the model's review threshold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    account_id: str
    status: Status
    risk: float | None = Field(ge=0.0, le=1.0)
    campaign_id: str | None = None
    reasons: list[str] = Field(default_factory=list)
    features_as_of: datetime | None


class ScoreResponse(BaseModel):
    """The answer to a `ScoreRequest`: one score per account id, in the same order."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: ModelName
    scores: list[AccountScore]


class FieldProblem(BaseModel):
    """One problem of a request: the field (or `body`) and what was expected there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str
    message: str


class ErrorResponse(BaseModel):
    """The body of every 4xx answer of `POST /score`; `error` is one sentence for people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error: str
    detail: list[FieldProblem]


SHOWN_PROBLEMS = 10
SHOWN_NAME = 64


def refusal(field: str, message: str) -> ErrorResponse:
    """Build an error about one field (`body` for the request as a whole)."""
    return ErrorResponse(error=f"{field}: {message}", detail=[FieldProblem(field=field, message=message)])


def explain_invalid(error: ValidationError) -> ErrorResponse:
    """List the wrong fields of a request, at most `SHOWN_PROBLEMS`, without repeating their values."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [FieldProblem(field=_field(item["loc"]), message=item["msg"]) for item in errors[:SHOWN_PROBLEMS]]
    first = problems[0]
    others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return ErrorResponse(error=f"{first.field}: {first.message}{others}", detail=problems)


def _field(location: tuple[int | str, ...]) -> str:
    """Name a field: `("account_ids", 3)` becomes `account_ids[3]`. A caller's own key is cut to `SHOWN_NAME`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part[:SHOWN_NAME]}" for part in location]
    return "".join(parts).lstrip(".") or "body"
