"""Padded windows of vectors."""

import numpy as np
import polars as pl

from training.baselines.windows import BATCH, make_windows, squared_distances, stack_vectors

TABLE = pl.DataFrame({
    "account_id": ["b", "b", "a"],
    "topic": pl.Series([[1, 2], [3, 4], [5, 6]], dtype=pl.List(pl.Int16)),
})  # fmt: skip


def test_each_account_has_its_own_requests_in_their_order_and_padding_after_them() -> None:
    names, windows = make_windows(TABLE)
    assert names.to_list() == ["b", "a"]
    assert windows.vectors.tolist() == [[[1, 2], [3, 4]], [[5, 6], [0, 0]]]
    assert windows.is_request.tolist() == [[True, True], [True, False]]
    assert windows.sizes.tolist() == [2, 1]


def test_nobody_has_no_windows() -> None:
    names, windows = make_windows(TABLE.head(0))
    assert names.len() == 0
    assert list(windows.batches()) == []
    assert stack_vectors(TABLE["topic"].head(0)).shape[0] == 0


def test_batches_hold_all_accounts_once() -> None:
    many = pl.DataFrame({"account_id": [str(i) for i in range(BATCH + 3)], "topic": [[i] for i in range(BATCH + 3)]})
    _, windows = make_windows(many)
    assert np.concatenate([part.vectors for part in windows.batches()]).tolist() == windows.vectors.tolist()


def test_distances_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)
    plain = ((left[:, None] - right[None]) ** 2).sum(axis=-1)
    assert np.allclose(squared_distances(left, right), plain, atol=1e-5)
