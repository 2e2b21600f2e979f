"""Rows as a provider sees them who lacks texts, infrastructure or both, for a model to learn to stand it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.catalogue import MODES
from training.examples.rows import TrainingRows


def with_blanks(
    data: TrainingRows, share: float, seed: int, modes: Mapping[str, frozenset[str]] = MODES
) -> tuple[TrainingRows, NDArray[np.int64]]:
    """The rows, and after them copies of a `share` of them, each with the columns of one mode unknown.

    A copy and its row share their fold and, evenly, the row's weight, so that the balance of classes and of campaigns
    stays. Returns also the row (n,) that each row of the result comes from.
    """
    rng = np.random.default_rng([seed, 67])
    blank = np.array([[name in names for name in data.features] for names in modes.values()])
    copied = np.flatnonzero(rng.random(data.label.size) < share)
    row = np.concatenate([np.arange(data.label.size), copied])
    mode = rng.integers(0, len(modes), copied.size)
    matrix = data.matrix[row]
    matrix[data.label.size :][blank[mode]] = np.nan
    weight = data.weight / np.bincount(row)
    return TrainingRows(data.features, matrix, data.label[row], weight[row], data.fold[row]), row
