"""From features to risks and reasons: pure functions, used by the endpoint and by batch scoring alike."""

from collections.abc import Sequence
from datetime import datetime, timedelta
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
"""So many reasons are given where that many exist; further ones only if they carry weight."""

WORTH_SAYING = 0.1
"""A fourth or fifth reason must add at least this share of what the first adds."""

CHUNK = 1_024
"""Accounts explained at a time: bounds the memory of TreeSHAP, which holds accounts x features floats."""

IN_CAMPAIGN = "campaign: shares {} with other accounts of its campaign_id, more than chance explains"
"""What is said of an account in a campaign, with what ties it to the others."""


def assess(model: Model, matrix: Matrix, known: Flags, grouped: Flags) -> Risks:
    """Risk per row of `matrix` (n, F), `grouped` those in a campaign; NaN for the rows that are not `known`, which the
    model never sees.
    """
    risks = np.full(len(matrix), np.nan)
    if known.any():
        risks[known] = model.predict(matrix if known.all() else matrix[known], grouped[known])
    return risks


def explain(
    model: Model, matrix: Matrix, risks: Risks, features: tuple[Feature, ...], ties: Sequence[str | None]
) -> list[list[str]]:
    """Reasons for the rows at or above the review threshold, an empty list for every other row.

    `matrix` is (n, F), `risks` (n,), NaN for an unknown account, `ties` (n,) what an account shares with the others of
    its campaign, None for one in no campaign. TreeSHAP costs about 200 predictions a row, hence the threshold.
    """
    answer: list[list[str]] = [[] for _ in range(len(risks))]
    flagged = np.flatnonzero(risks >= model.review_threshold)
    found = reasons(model, matrix[flagged], features, [ties[row] for row in flagged.tolist()])
    for row, texts in zip(flagged.tolist(), found, strict=True):
        answer[row] = texts
    return answer


def reasons(model: Model, matrix: Matrix, features: tuple[Feature, ...], ties: Sequence[str | None]) -> list[list[str]]:
    """Per row of `matrix` (n, F) up to five sentences on what raised its risk most, the heaviest first.

    Contributions are TreeSHAP values (Lundberg et al. 2020), and the lift of those in a campaign. Features of one
    signal are added up and told once, by the one that weighs most. A feature without a value is passed over unless
    nothing else remains.
    """
    parts = [slice(start, start + CHUNK) for start in range(0, len(matrix), CHUNK)]
    return [texts for part in parts for texts in _chunk_reasons(model, matrix[part], features, ties[part])]


def score(
    model: Model,
    matrix: Matrix,
    as_of: Sequence[datetime | None],
    account_ids: Sequence[str],
    *,
    features: tuple[Feature, ...] | None,
    now: datetime,
    freshness: timedelta,
    risks: Risks | None = None,
    campaigns: Sequence[str | None] | None = None,
    ties: Sequence[str | None] | None = None,
) -> list[AccountScore]:
    """One score per account, in the order asked; repeats are answered as often as they are asked.

    `matrix` is (n, F) in the model's feature order, `as_of` the time of each row (null: unknown account),
    `features` their contract rows (None: no reasons are given), `now` the clock of the caller, `freshness` the age from
    which features are `stale`. `risks` spares a second prediction to a caller that has `assess`ed already; `campaigns`
    are the ids of the accounts' campaigns (null: in none), `ties` what they share with these.
    """
    told = campaigns or [None] * len(matrix)
    shared = [one and (tie or "keys") for one, tie in zip(told, ties or [None] * len(matrix), strict=True)]
    if risks is None:
        risks = assess(model, matrix, is_known(as_of), is_known(told))
    texts = [[]] * len(risks) if features is None else explain(model, matrix, risks, features, shared)
    columns = zip(account_ids, as_of, risks.tolist(), told, texts, strict=True)
    return [
        AccountScore(
            account_id=account_id,
            status=_status(time, now - freshness),
            risk=None if time is None else risk,
            campaign_id=campaign,
            reasons=words,
            features_as_of=time,
        )
        for account_id, time, risk, campaign, words in columns
    ]


def is_known(told: Sequence[datetime | str | None]) -> Flags:
    """True for the rows of which something is told: the time of their features, their campaign."""
    return np.fromiter((one is not None for one in told), dtype=np.bool_, count=len(told))


def _status(time: datetime | None, oldest: datetime) -> Status:
    if time is None:
        return "unknown_account"
    return "stale" if time < oldest else "scored"


def _chunk_reasons(
    model: Model, matrix: Matrix, features: tuple[Feature, ...], ties: Sequence[str | None]
) -> list[list[str]]:
    contributions = np.asarray(model.contributions(matrix), dtype=np.float64)
    present = np.isfinite(matrix)
    columns, weights = _heaviest(np.where(present, contributions, 0.0), features)
    silent = ~(weights > 0).any(axis=1)
    if silent.any():
        columns[silent], weights[silent] = _heaviest(contributions[silent], features)
    rank = np.arange(weights.shape[1])
    told = (weights > 0) & ((rank < SURE_REASONS) | (weights >= WORTH_SAYING * weights[:, :1]))
    # Only flagged rows come here, and each has just cost a TreeSHAP: formatting them is not what counts.
    texts = [
        [_word(features[column], float(values[column])) for column in row[tell].tolist()]
        for values, row, tell in zip(matrix, columns, told, strict=True)
    ]
    lift = model.calibrator.lift
    for row in np.flatnonzero(is_known(ties) & (lift > 0)).tolist():
        texts[row].insert(int((weights[row, told[row]] > lift).sum()), IN_CAMPAIGN.format(ties[row]))
        del texts[row][MOST_REASONS:]
    return texts


def _heaviest(contributions: Weights, features: tuple[Feature, ...]) -> tuple[Columns, Weights]:
    """The k heaviest signals of each row: (n, k) columns that speak for them, (n, k) what each adds in all."""
    signals = _signals(features)
    totals = np.stack([contributions[:, columns].sum(axis=1) for columns in signals], axis=1)
    speakers = np.stack([columns[contributions[:, columns].argmax(axis=1)] for columns in signals], axis=1)
    top = np.argsort(-totals, axis=1, kind="stable")[:, :MOST_REASONS]
    return np.take_along_axis(speakers, top, axis=1), np.take_along_axis(totals, top, axis=1)


@lru_cache(maxsize=8)
def _signals(features: tuple[Feature, ...]) -> tuple[Columns, ...]:
    """The columns of each signal."""
    names = [feature.signal.name for feature in features]
    return tuple(
        np.array([column for column, other in enumerate(names) if other == name], dtype=np.intp)
        for name in dict.fromkeys(names)
    )


def _word(feature: Feature, value: float) -> str:
    """A signal, and what speaks for it."""
    if not isfinite(value):
        return f"no value is known for this: {feature.meaning.rstrip('.')}"
    return f"{feature.signal.name}: {feature.describe(value)}"
