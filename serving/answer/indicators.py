"""Indicators: what raised an account's risk most, as sentences for people and in coded form for programs."""

from collections.abc import Sequence
from functools import lru_cache
from math import isfinite

import numpy as np
import numpy.typing as npt

from features.catalogue import Feature
from serving.answer.messages import Indicator
from training.models.model import Model

Matrix = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]

MOST_REASONS = 5
SURE_REASONS = 3
"""This many reasons are given if they exist; further ones only if they are `WORTH_SAYING`."""

WORTH_SAYING = 0.1
"""A fourth or fifth reason must add at least this share of what the first adds; doubled, few would remain."""

CHUNK = 1_024
"""Accounts explained at a time: bounds TreeSHAP's memory, accounts x features floats. No result depends on it."""

IN_CAMPAIGN = "campaign: shares {} with other accounts of its campaign, more than chance explains"
"""The reason given for an account in a campaign, with what ties it to the others."""

CAMPAIGN_CODE = "campaign.shared_keys"


def indicate(
    model: Model, matrix: Matrix, lift: Weights, features: tuple[Feature, ...], ties: Sequence[str | None]
) -> list[list[Indicator]]:
    """Give, per row of `matrix` (n, F), up to five indicators of what raised its risk most, the heaviest first.

    Contributions are TreeSHAP values (Lundberg et al. 2020). The features of one signal are added up and named by the
    heaviest of them. A feature without a value is named only if no other raised the risk. Who is in a campaign is told
    so first.

    Args:
        model: the model that gave the risks.
        matrix: (n, F) features.
        lift: (n,) what each account's group adds to its score.
        features: the contract rows of the F columns.
        ties: (n,) what an account shares with others of its campaign; None for an account in none.
    """
    parts = [slice(start, start + CHUNK) for start in range(0, len(matrix), CHUNK)]
    indicators = [row for part in parts for row in _indicate_chunk(model, matrix[part], features)]
    in_campaign = np.flatnonzero([tie is not None for tie in ties])
    if in_campaign.size:
        impacts = model.lift_log_odds(matrix[in_campaign], lift[in_campaign])
        for row, impact in zip(in_campaign.tolist(), impacts.tolist(), strict=True):
            text = IN_CAMPAIGN.format(ties[row])
            first = Indicator(code=CAMPAIGN_CODE, text=text, value=None, typical=None, impact=impact)
            indicators[row] = [first, *indicators[row]][:MOST_REASONS]
    return indicators


def _indicate_chunk(model: Model, matrix: Matrix, features: tuple[Feature, ...]) -> list[list[Indicator]]:
    """Give the indicators of a few rows at a time, apart from those of campaigns."""
    contributions = np.asarray(model.contributions(matrix), dtype=np.float64)
    columns, weights = _heaviest(np.where(np.isfinite(matrix), contributions, 0.0), features)
    silent = ~(weights > 0).any(axis=1)
    if silent.any():
        columns[silent], weights[silent] = _heaviest(contributions[silent], features)
    rank = np.arange(weights.shape[1])
    is_said = (weights > 0) & ((rank < SURE_REASONS) | (weights >= WORTH_SAYING * weights[:, :1]))
    own = np.take_along_axis(matrix, columns, axis=1)
    usual = np.take_along_axis(model.typical(matrix), columns, axis=1)
    # Only flagged rows come here, and each has just cost a TreeSHAP: formatting them is not what counts.
    return [
        [_indicator(features[column], *numbers) for column, *numbers in zip(*row, strict=True)]
        for row in (
            tuple(part[said].tolist() for part in parts)
            for *parts, said in zip(columns, own, usual, weights, is_said, strict=True)
        )
    ]


def _heaviest(contributions: Weights, features: tuple[Feature, ...]) -> tuple[Columns, Weights]:
    """Pick the k heaviest signals of each row: (n, k) their heaviest columns and (n, k) what each signal adds."""
    signals = _signals(features)
    # Column by column: numpy's own sum of a row rounds otherwise in a larger matrix.
    totals = np.stack([sum(contributions[:, column] for column in columns) for columns in signals], axis=1)
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


def _indicator(feature: Feature, value: float, typical: float, impact: float) -> Indicator:
    """Word a signal by the feature that speaks for it; numbers are those that the words name, no logarithms."""
    return Indicator(
        code=feature.code,
        text=_word(feature, value),
        value=_plain(feature, value),
        typical=_plain(feature, typical),
        impact=impact,
    )


def _plain(feature: Feature, value: float) -> float | None:
    """Give a number as a reader expects it: no logarithm, and no more digits than a feature has (5, not 4.9999998)."""
    return float(f"{feature.plain(value):.6g}") if isfinite(value) else None


def _word(feature: Feature, value: float) -> str:
    """Word a signal by the feature that speaks for it."""
    if not isfinite(value):
        return f"no value is known for this: {feature.meaning.rstrip('.')}"
    return f"{feature.signal.name}: {feature.describe(value)}"
