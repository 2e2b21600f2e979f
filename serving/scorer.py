"""Risks and reasons from features: pure functions for the endpoint and for batch scoring."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import isfinite

import numpy as np
import numpy.typing as npt

from features.catalogue import Feature
from serving.messages import AccountScore, Status
from training.models.model import Model

Matrix = npt.NDArray[np.float32]
Risks = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

MOST_REASONS = 5
SURE_REASONS = 3
"""This many reasons are given if they exist; further ones only if they are `WORTH_SAYING`."""

WORTH_SAYING = 0.1
"""A fourth or fifth reason must add at least this share of what the first adds; doubled, few would remain."""

CHUNK = 1_024
"""Accounts explained at a time: bounds TreeSHAP's memory, accounts x features floats. No result depends on it."""

IN_CAMPAIGN = "campaign: shares {} with other accounts of its campaign_id, more than chance explains"
"""The reason given for an account in a campaign, with what ties it to the others."""


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


def assess(model: Model, matrix: Matrix, has_features: Flags, lift: Risks) -> Risks:
    """Predict the risk of each row of `matrix` (n, F); NaN for rows without features, which the model never sees.

    `lift` (n,) is what each account's group adds.
    """
    risks = np.full(len(matrix), np.nan)
    if has_features.any():
        rows = matrix if has_features.all() else matrix[has_features]
        risks[has_features] = model.predict(rows, lift[has_features])
    return risks


def explain(
    model: Model, matrix: Matrix, risks: Risks, features: tuple[Feature, ...], ties: Sequence[str | None]
) -> list[list[str]]:
    """Give reasons for the rows at or above the review threshold and for all members of campaigns, else an empty list.

    TreeSHAP costs about 200 predictions a row, hence the threshold.

    Args:
        model: the model that gave the risks.
        matrix: (n, F) features.
        risks: (n,), NaN for an account without features.
        features: the contract rows of the F columns.
        ties: (n,) what an account shares with others of its campaign; None for an account in none.
    """
    texts: list[list[str]] = [[] for _ in range(len(risks))]
    flagged = np.flatnonzero((risks >= model.review_threshold) | is_present(ties))
    flagged_texts = reasons(model, matrix[flagged], features, [ties[row] for row in flagged.tolist()])
    for row, sentences in zip(flagged.tolist(), flagged_texts, strict=True):
        texts[row] = sentences
    return texts


def reasons(model: Model, matrix: Matrix, features: tuple[Feature, ...], ties: Sequence[str | None]) -> list[list[str]]:
    """Give, per row of `matrix` (n, F), up to five sentences on what raised its risk most, the heaviest first.

    Contributions are TreeSHAP values (Lundberg et al. 2020). The features of one signal are added up and named by the
    heaviest of them. A feature without a value is named only if no other raised the risk. Who is in a campaign is told
    so first.
    """
    parts = [slice(start, start + CHUNK) for start in range(0, len(matrix), CHUNK)]
    return [texts for part in parts for texts in _chunk_reasons(model, matrix[part], features, ties[part])]


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
    nobody = [None] * len(rows.matrix)
    campaigns = rows.campaigns or nobody
    ties = [campaign and (tie or "keys") for campaign, tie in zip(campaigns, rows.ties or nobody, strict=True)]
    if risks is None:
        lift = np.zeros(len(rows.matrix)) if rows.lift is None else rows.lift
        risks = assess(model, rows.matrix, is_present(rows.as_of), lift)
    texts = [[]] * len(risks) if features is None else explain(model, rows.matrix, risks, features, ties)
    damaged = [False] * len(risks) if rows.damaged is None else rows.damaged.tolist()
    columns = zip(rows.account_ids, rows.as_of, risks.tolist(), campaigns, texts, damaged, strict=True)
    return [
        AccountScore(
            account_id=account_id,
            status="unavailable" if is_damaged else _status(time, fresh_since),
            risk=None if time is None else risk,
            campaign_id=campaign,
            reasons=sentences,
            features_as_of=time,
        )
        for account_id, time, risk, campaign, sentences, is_damaged in columns
    ]


def is_present(values: Sequence[datetime | str | None]) -> Flags:
    """Mark the values that are not None."""
    return np.fromiter((value is not None for value in values), dtype=np.bool_, count=len(values))


def _status(time: datetime | None, fresh_since: datetime) -> Status:
    if time is None:
        return "unknown_account"
    return "stale" if time < fresh_since else "scored"


def _chunk_reasons(
    model: Model, matrix: Matrix, features: tuple[Feature, ...], ties: Sequence[str | None]
) -> list[list[str]]:
    """Give the reasons for a few rows at a time."""
    contributions = np.asarray(model.contributions(matrix), dtype=np.float64)
    present = np.isfinite(matrix)
    columns, weights = _heaviest(np.where(present, contributions, 0.0), features)
    silent = ~(weights > 0).any(axis=1)
    if silent.any():
        columns[silent], weights[silent] = _heaviest(contributions[silent], features)
    rank = np.arange(weights.shape[1])
    is_said = (weights > 0) & ((rank < SURE_REASONS) | (weights >= WORTH_SAYING * weights[:, :1]))
    # Only flagged rows come here, and each has just cost a TreeSHAP: formatting them is not what counts.
    texts = [
        [_word(features[column], float(values[column])) for column in row[said].tolist()]
        for values, row, said in zip(matrix, columns, is_said, strict=True)
    ]
    for row in np.flatnonzero(is_present(ties)).tolist():
        texts[row].insert(0, IN_CAMPAIGN.format(ties[row]))
        del texts[row][MOST_REASONS:]
    return texts


def _heaviest(contributions: Weights, features: tuple[Feature, ...]) -> tuple[Columns, Weights]:
    """Pick the k heaviest signals of each row: (n, k) their heaviest columns and (n, k) what each signal adds."""
    signals = _signals(features)
    totals = np.stack([contributions[:, columns].sum(axis=1) for columns in signals], axis=1)
    speakers = np.stack([columns[contributions[:, columns].argmax(axis=1)] for columns in signals], axis=1)
    top = np.argsort(-totals, axis=1, kind="stable")[:, :MOST_REASONS]
    return np.take_along_axis(speakers, top, axis=1), np.take_along_axis(totals, top, axis=1)


@lru_cache(maxsize=8)
def _signals(features: tuple[Feature, ...]) -> tuple[Columns, ...]:
    """List the columns of each signal."""
    names = [feature.signal.name for feature in features]
    return tuple(
        np.array([column for column, other in enumerate(names) if other == name], dtype=np.intp)
        for name in dict.fromkeys(names)
    )


def _word(feature: Feature, value: float) -> str:
    """Word a signal by the feature that speaks for it."""
    if not isfinite(value):
        return f"no value is known for this: {feature.meaning.rstrip('.')}"
    return f"{feature.signal.name}: {feature.describe(value)}"
