"""Windows of vectors: the last requests of each account, padded to one length, and distances within them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

BATCH = 16  # accounts at once, so that all distances fit into some megabytes; doubled, twice as many
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Windows:
    """The vectors of the last requests of several accounts, padded to one length.

    Attributes:
        vectors: (a, n, d) for `a` accounts, oldest request first.
        is_request: (a, n); false for padding.
    """

    vectors: Floats
    is_request: NDArray[np.bool_]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of requests of each account, (a,)."""
        sizes: NDArray[np.int64] = self.is_request.sum(axis=1)
        return sizes

    def batches(self) -> Iterator["Windows"]:
        """The same in parts of `BATCH` accounts."""
        for start in range(0, len(self.is_request), BATCH):
            yield Windows(self.vectors[start : start + BATCH], self.is_request[start : start + BATCH])


def make_windows(requests: pl.DataFrame) -> tuple[pl.Series, Windows]:
    """Make the windows of all accounts of a table; returns the accounts and, in the same order, their windows.

    Args:
        requests: `account_id` and `topic` (lists of one length), the rows of an account together, oldest first.
    """
    accounts = requests.group_by("account_id", maintain_order=True).len()
    sizes = accounts["len"].to_numpy().astype(np.int64)
    row = np.repeat(np.arange(sizes.size), sizes)
    column = np.arange(row.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    flat = stack_vectors(requests["topic"])
    vectors = np.zeros((sizes.size, int(sizes.max(initial=0)), flat.shape[1]), np.float32)
    is_request = np.zeros(vectors.shape[:2], np.bool_)
    vectors[row, column], is_request[row, column] = flat, True
    return accounts["account_id"], Windows(vectors, is_request)


def stack_vectors(topic: pl.Series) -> Floats:
    """Stack a column of lists of one length into vectors (n, d)."""
    return topic.explode().to_numpy().astype(np.float32).reshape(len(topic), -1) if len(topic) else _NONE


_NONE: Floats = np.zeros((0, 1), np.float32)


def squared_distances(left: Floats, right: Floats) -> Floats:
    """Squared Euclidean distances (..., n, m) between (..., n, d) and (..., m, d)."""
    squares: Floats = left @ np.swapaxes(right, -1, -2)
    squares *= -2
    squares += (left**2).sum(axis=-1)[..., :, None]
    squares += (right**2).sum(axis=-1)[..., None, :]
    return np.maximum(squares, 0, out=squares)
