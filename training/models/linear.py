"""A fitted linear model on signed logs: plain numbers, stored in the label, served without scikit-learn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Standardised values are clipped here, in standard deviations, so that one absurd value does not outweigh everything
# else. A custom; doubling it was not measured.
CLIP = 5.0


@dataclass(frozen=True, slots=True)
class Linear:
    """Log-odds that are linear in standardised signed logs of the features and in flags of unknown ones.

    Unknown values are replaced by the median.

    Attributes:
        centre: (F,), medians of the signed logs.
        scale: (F,), their standard deviations.
        coefficients: (2 F,), first of the values, then of the flags.
        intercept: log-odds of an account at the median.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float

    def raw(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The log-odds (n,) of rows (n, F)."""
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
    clipped = np.clip(np.nan_to_num(standard, nan=0.0), -CLIP, CLIP)
    return np.hstack([clipped, np.isnan(matrix).astype(np.float64)])
