"""Copies of rows without the columns of texts, infrastructure or both, so that the model learns to do without them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.catalogue import MODES
from training.examples.rows import TrainingRows


def with_blanks(
    rows: TrainingRows, share: float, seed: int, modes: Mapping[str, frozenset[str]] = MODES
) -> tuple[TrainingRows, NDArray[np.int64]]:
    """Append copies of a share of the rows, each with the columns of one mode unknown.

    A copy and its row share their fold and, evenly, the row's weight, which keeps the balance of classes and campaigns.

    Args:
        rows: what a candidate learns from.
        share: of the rows that are copied; they are drawn at random.
        seed: of the draw.
        modes: the columns that are unknown in each mode.

    Returns:
        The rows with the copies at the end, and for each of these the index of the row that it comes from.
    """
    rng = np.random.default_rng([seed, 67])
    is_blank = np.array([[name in names for name in rows.features] for names in modes.values()])
    copied = np.flatnonzero(rng.random(rows.label.size) < share)
    source = np.concatenate([np.arange(rows.label.size), copied])
    mode = rng.integers(0, len(modes), copied.size)
    matrix = rows.matrix[source]
    matrix[rows.label.size :][is_blank[mode]] = np.nan
    weight = rows.weight / np.bincount(source)
    blanked = TrainingRows(
        features=rows.features,
        matrix=matrix,
        label=rows.label[source],
        weight=weight[source],
        fold=rows.fold[source],
    )
    return blanked, source
