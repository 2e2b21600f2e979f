"""Windows of vectors: the last requests of each account, padded to one length, and distances within them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

BATCH = 16  # accounts at once: their distances to one another and to a reference fit into some megabytes
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Windows:
    """`vectors` (a, n, d) of the requests of `a` accounts, oldest first; `known` (a, n) tells them from padding."""

    vectors: Floats
    known: NDArray[np.bool_]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Requests of each account, (a,)."""
        counted: NDArray[np.int64] = self.known.sum(axis=1)
        return counted

    def batches(self) -> Iterator["Windows"]:
        """The same in parts."""
        for start in range(0, len(self.known), BATCH):
            yield Windows(self.vectors[start : start + BATCH], self.known[start : start + BATCH])


def windows(requests: pl.DataFrame) -> tuple[pl.Series, Windows]:
    """The accounts of a table of requests and their windows, in one order.

    Args:
        requests: `account_id` and `topic` (a list of one length), each account's rows together, oldest first.
    """
    counted = requests.group_by("account_id", maintain_order=True).len()
    sizes = counted["len"].to_numpy().astype(np.int64)
    row = np.repeat(np.arange(sizes.size), sizes)
    place = np.arange(row.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    flat = stacked(requests["topic"])
    vectors = np.zeros((sizes.size, int(sizes.max(initial=0)), flat.shape[1]), np.float32)
    known = np.zeros(vectors.shape[:2], np.bool_)
    vectors[row, place], known[row, place] = flat, True
    return counted["account_id"], Windows(vectors, known)


def stacked(topic: pl.Series) -> Floats:
    """Vectors (n, d) of a column of lists."""
    return topic.explode().to_numpy().astype(np.float32).reshape(len(topic), -1) if len(topic) else _NONE


_NONE: Floats = np.zeros((0, 1), np.float32)


def squared_distances(left: Floats, right: Floats) -> Floats:
    """Squared Euclidean distances (..., n, m) between (..., n, d) and (..., m, d)."""
    apart: Floats = left @ np.swapaxes(right, -1, -2)
    apart *= -2
    apart += (left**2).sum(axis=-1)[..., :, None]
    apart += (right**2).sum(axis=-1)[..., None, :]
    return np.maximum(apart, 0, out=apart)
