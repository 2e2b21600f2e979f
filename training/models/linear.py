"""A fitted linear model on signed logs: plain numbers, stored in a label, served without scikit-learn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDEST = 5.0  # deviations: one absurd value must not outweigh everything else


@dataclass(frozen=True, slots=True)
class Linear:
    """Log-odds that are linear in standardised signed logs of the features and in flags of unknown ones.

    An unknown value stands at the median. `centre` and `scale` are (F,), `coefficients` (2 F,): first of the values,
    then of the flags.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds (n,) of rows (n, F)."""
        # Summed row by row in one memory layout: a matrix product gives a row alone other last bits than among many.
        terms = np.ascontiguousarray(columns(matrix, self.centre, self.scale) * self.coefficients)
        return np.asarray(terms.sum(axis=1) + self.intercept)

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each feature adds to the log-odds of the median account, (n, F)."""
        values, flags = np.hsplit(columns(matrix, self.centre, self.scale) * self.coefficients, 2)
        added: NDArray[np.float64] = values + flags
        return added


def signed_log(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """sign(x) * log(1 + |x|), (n, F); NaN stays."""
    wide = matrix.astype(np.float64)
    return np.asarray(np.sign(wide) * np.log1p(np.abs(wide)))


def columns(
    matrix: NDArray[np.float32], centre: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Standardised signed logs, clipped, beside the flags of unknown values: (n, 2 F)."""
    standard = (signed_log(matrix) - centre) / scale
    clipped = np.clip(np.nan_to_num(standard, nan=0.0), -WIDEST, WIDEST)
    return np.hstack([clipped, np.isnan(matrix).astype(np.float64)])
