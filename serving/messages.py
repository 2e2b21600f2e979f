"""What the scoring endpoint takes and gives, as pydantic models; the OpenAPI page is derived from them.

Nothing here knows HTTP, a model or a store. Requests are strict (a number is no account id, an unknown
field is an error) and never repeat the caller's input in an error; answers can hold no NaN or infinity.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MAX_ACCOUNTS = 1_000
MAX_ID_LENGTH = 256

AccountId = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=MAX_ID_LENGTH)]
Status = Literal["scored", "unknown_account", "stale"]


class ScoreRequest(BaseModel):
    """The accounts to score, in the order in which the answer lists them; repeats are answered as often."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    account_ids: list[AccountId] = Field(min_length=1, max_length=MAX_ACCOUNTS)


class ModelName(BaseModel):
    """Which registered model gave the risks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str


class AccountScore(BaseModel):
    """One account's risk: a calibrated probability, null for an account without stored features.

    `features_as_of` is the time (UTC) up to which its features count requests; `stale` says that it is
    older than the freshness limit. `reasons` are filled at or above the model's review threshold only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    account_id: str
    status: Status
    risk: float | None = Field(ge=0.0, le=1.0)
    campaign_id: str | None = None
    reasons: list[str] = Field(default_factory=list)
    features_as_of: datetime | None


class ScoreResponse(BaseModel):
    """The answer to a `ScoreRequest`: one score per account id asked, in the same order."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: ModelName
    scores: list[AccountScore]


class FieldProblem(BaseModel):
    """One thing wrong with a request: the field (or `body`) and what was expected of it."""

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
    """An error about one field (`body` for the request as a whole)."""
    return ErrorResponse(error=f"{field}: {message}", detail=[FieldProblem(field=field, message=message)])


def explain_invalid(error: ValidationError) -> ErrorResponse:
    """Say which fields of a request are wrong, at most ten of them, without repeating their values."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [FieldProblem(field=_field(item["loc"]), message=item["msg"]) for item in found[:SHOWN_PROBLEMS]]
    first = problems[0]
    others = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return ErrorResponse(error=f"{first.field}: {first.message}{others}", detail=problems)


def _field(location: tuple[int | str, ...]) -> str:
    """`("account_ids", 3)` becomes `account_ids[3]`; a caller's own key is cut to a bounded length."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part[:SHOWN_NAME]}" for part in location]
    return "".join(parts).lstrip(".") or "body"
