"""Risks, levels and reasons from features: pure functions for the endpoint and for batch scoring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from features.catalogue import Feature
from serving.answer.indicators import indicate
from serving.answer.messages import AccountScore, Indicator, Status, Thresholds, Trouble
from training.models.model import Model

Matrix = npt.NDArray[np.float32]
Risks = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowsToScore:
    """Accounts to score, one row each, as the store holds them.

    Attributes:
        account_ids: the n accounts, in the order of the answer.
        matrix: (n, F) features in the model's order.
        as_of: the time of each row's features; None for an account without features.
        campaigns: the campaign of each account, None for an account in none; empty if nobody is in one.
        ties: what each account shares with others of its campaign; empty if that was not asked for.
        lift: (n,) what each account's group adds to its score; None for nothing.
        damaged: (n,) whether the store's row of an account is damaged; None for nobody's.
    """

    account_ids: Sequence[str]
    matrix: Matrix
    as_of: Sequence[datetime | None]
    campaigns: Sequence[str | None] = ()
    ties: Sequence[str | None] = ()
    lift: Risks | None = None
    damaged: Flags | None = None

    def lifts(self) -> Risks:
        """Return what each account's group adds, (n,)."""
        return np.zeros(len(self.matrix)) if self.lift is None else self.lift


def assess(model: Model, matrix: Matrix, has_features: Flags, lift: Risks) -> Risks:
    """Predict the risk of each row of `matrix` (n, F); NaN for rows without features, which the model never sees.

    `lift` (n,) is what each account's group adds.
    """
    risks = np.full(len(matrix), np.nan)
    if has_features.any():
        rows = matrix if has_features.all() else matrix[has_features]
        risks[has_features] = model.predict(rows, lift[has_features])
    return risks


def thresholds_of(model: Model) -> Thresholds:
    """Return the thresholds of a model as an answer gives them."""
    return Thresholds(**model.thresholds)


def explain(model: Model, rows: RowsToScore, risks: Risks, features: tuple[Feature, ...]) -> list[list[Indicator]]:
    """Give indicators for the rows at or above the review threshold and for all members of campaigns, else none.

    TreeSHAP costs about 200 predictions a row, hence the threshold.

    Args:
        model: the model that gave the risks.
        rows: the n accounts.
        risks: (n,), NaN for an account without features.
        features: the contract rows of the features.
    """
    nobody = [None] * len(rows.matrix)
    campaigns, shared = rows.campaigns or nobody, rows.ties or nobody
    ties = [campaign and (tie or "keys") for campaign, tie in zip(campaigns, shared, strict=True)]
    indicators: list[list[Indicator]] = [[] for _ in nobody]
    flagged = np.flatnonzero((risks >= model.review_threshold) | is_present(ties))
    flagged_ties = [ties[row] for row in flagged.tolist()]
    explained = indicate(model, rows.matrix[flagged], rows.lifts()[flagged], features, flagged_ties)
    for row, row_indicators in zip(flagged.tolist(), explained, strict=True):
        indicators[row] = row_indicators
    return indicators


def score_rows(
    model: Model,
    rows: RowsToScore,
    *,
    features: tuple[Feature, ...] | None,
    fresh_since: datetime,
    risks: Risks | None = None,
) -> list[AccountScore]:
    """Score each account, in the order of the rows.

    Args:
        model: the model.
        rows: the accounts.
        features: the contract rows of the features; None to give no reasons.
        fresh_since: accounts whose features are older are `stale`.
        risks: (n,) what `assess` gave, if it was called before; spares a second prediction.
    """
    if risks is None:
        risks = assess(model, rows.matrix, is_present(rows.as_of), rows.lifts())
    nobody = [None] * len(risks)
    indicators = [[]] * len(risks) if features is None else explain(model, rows, risks, features)
    percentiles, thresholds = model.reference.percentiles(risks), thresholds_of(model)
    damaged = [False] * len(risks) if rows.damaged is None else rows.damaged.tolist()
    numbers = zip(risks.tolist(), percentiles.tolist(), strict=True)
    return [
        AccountScore(
            account_id=account_id,
            status="unavailable" if is_damaged else _status(time, fresh_since),
            risk=None if time is None else risk,
            level=None if time is None else thresholds.level(risk),
            percentile=None if time is None else percentile,
            campaign_id=campaign,
            reasons=[indicator.text for indicator in row],
            indicators=row,
            features_as_of=time,
        )
        for account_id, time, is_damaged, (risk, percentile), campaign, row in zip(
            rows.account_ids, rows.as_of, damaged, numbers, rows.campaigns or nobody, indicators, strict=True
        )
    ]


def try_out(model: Model) -> None:
    """Score a made-up account of which nothing is known; whatever fails there would fail for others too."""
    now = datetime.now(UTC)
    row = RowsToScore(account_ids=[""], matrix=np.full((1, len(model.features)), np.nan, dtype=np.float32), as_of=[now])
    score_rows(model, row, features=None, fresh_since=now)[0].model_dump_json()


def unavailable(account_id: str, trouble: Trouble | None = None) -> AccountScore:
    """Say of an account that the store can't be read: neither a risk nor whether the account is known."""
    return AccountScore(account_id=account_id, status="unavailable", risk=None, features_as_of=None, trouble=trouble)


def with_troubles(scores: list[AccountScore], troubles: Mapping[str, Trouble]) -> list[AccountScore]:
    """Make accounts unavailable of which the store can't tell, with what kept it from it."""
    if not troubles:
        return scores
    return [
        unavailable(score.account_id, troubles[score.account_id]) if score.account_id in troubles else score
        for score in scores
    ]


def is_present(values: Sequence[datetime | str | None]) -> Flags:
    """Mark the values that are not None."""
    return np.fromiter((value is not None for value in values), dtype=np.bool_, count=len(values))


def _status(time: datetime | None, fresh_since: datetime) -> Status:
    if time is None:
        return "unknown_account"
    return "stale" if time < fresh_since else "scored"
