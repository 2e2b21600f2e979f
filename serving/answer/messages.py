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
Status = Literal["scored", "stale", "unknown_account", "unavailable"]
Level = Literal["low", "review", "act"]
Trouble = Literal[
    "store_unreachable",
    "store_timeout",
    "store_empty",
    "store_damaged",
    "store_of_another",
    "row_damaged",
    "row_missing",
]
"""Why an account is `unavailable`: the store does not answer, or not in time; it was emptied; it holds what nobody
wrote, or what another workspace wrote; or the account's row is damaged or lost."""


class ScoreRequest(BaseModel):
    """The accounts to score; the answer lists them in this order, repeats included."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    account_ids: list[AccountId] = Field(min_length=1, max_length=MAX_ACCOUNTS)


class ModelName(BaseModel):
    """The registered model that gave the risks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str


class Thresholds(BaseModel):
    """The risks at and above which an account's level is `review` or `act`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    review: float
    act: float

    def level(self, risk: float) -> Level:
        """Return the level of a risk."""
        return "act" if risk >= self.act else "review" if risk >= self.review else "low"


class Indicator(BaseModel):
    """A reason in coded form.

    `code` never changes its meaning; docs/features.md lists all. `text` is the reason. `value` is the account's own
    number, `typical` the median of accounts with its plan; either is null where there is none. `impact` is what it
    adds to the log-odds of the risk: of a feature before calibration, of a campaign after it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    code: str
    text: str
    value: float | None
    typical: float | None
    impact: float


class AccountScore(BaseModel):
    """One account's risk: a calibrated probability, null for an account without stored features.

    `status` is `stale` if the features are older than the freshness limit, and `unavailable` if the store can't be
    read, or what it holds of the account is damaged. `level` says which thresholds the risk reaches, `percentile` the
    share of accounts with a lower risk among those that the model learned from, in per cent. `reasons`, and as
    `indicators` in coded form, are given from the review threshold on and for every member of a campaign.
    `features_as_of` is the time (UTC) up to which the account's features count requests. `trouble` says why an account
    is `unavailable`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    account_id: str
    status: Status
    risk: float | None = Field(ge=0.0, le=1.0)
    level: Level | None = None
    percentile: float | None = Field(default=None, ge=0.0, le=100.0)
    campaign_id: str | None = None
    reasons: list[str] = Field(default_factory=list)
    indicators: list[Indicator] = Field(default_factory=list)
    features_as_of: datetime | None
    trouble: Trouble | None = None


class ScoreResponse(BaseModel):
    """The answer to a `ScoreRequest`: one score per account id, in the same order; `evaluated_at` is its time (UTC)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: ModelName
    thresholds: Thresholds
    evaluated_at: datetime
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
