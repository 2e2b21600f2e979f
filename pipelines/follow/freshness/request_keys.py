"""Which requests there are already: eight bytes for each, in memory."""

import numpy as np
import numpy.typing as npt
import polars as pl

Keys = npt.NDArray[np.int64]


class RequestKeys:
    """A set of `request_key`s that grows, as a sorted array: 30 million take 240 MB."""

    def __init__(self) -> None:
        self._keys: Keys = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, keys: pl.Series) -> None:
        """Add keys, whether or not they are there."""
        new = np.unique(keys.to_numpy())
        new = new[~self._has(new)]
        self._keys = np.insert(self._keys, np.searchsorted(self._keys, new), new)

    def first_of(self, events: pl.DataFrame) -> pl.DataFrame:
        """Keep the events that are not there yet: of those of one key the earliest, among equals the first."""
        order = events.with_row_index("order").sort("timestamp", "order")
        first = order.unique("request_key", keep="first", maintain_order=True)
        return first.filter(~self._has(first["request_key"].to_numpy())).sort("order").drop("order")

    def _has(self, keys: Keys) -> npt.NDArray[np.bool_]:
        if not len(self._keys):
            return np.zeros(len(keys), np.bool_)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.asarray(self._keys[at] == keys)
