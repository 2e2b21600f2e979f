"""Kin: what an account asks for against accounts that send as it does, whatever their plan.

An account's kin are the landmarks (`features.families.landmarks`) nearest to it in lengths and settings: ranks of
twelve measures, none of which reads a text. Only old accounts are kin, one vote each, so that a young pool does not
become its own reference. What an account asks for more than twice as often as its kin is odd for it. Customers have odd
subjects too, each his own; the accounts of a campaign have the same ones, however differently they send.

Null for an account with too few topics, and where there are too few landmarks. All sums are of whole numbers, so every
order of the rows gives the same bits.
"""

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from features.families.history import WHOLE, History, weigh_keys
from features.families.landmarks import LEAST_TOPICS, profile, rank_manners
from features.schemas import KEY_KINDS
from features.text import CAPABILITIES, CELLS

_KIN = 100  # nearest landmarks, at most a tenth of them; with 30 or 300 odd topics tell as much (AUC within 0.01)
_LEAST = 50  # landmarks; fewer show no kinds
_USED = 2e-3  # share below which a code counts as not used: what is rare among all is no surprise. With 5e-4 or 1e-2
# the AUC of topics over families left out is 0.62 and 0.60 instead of 0.62 (two worlds)
_MOST = 0.08  # of an account's requests that count in one cell: who has one subject is odd in it, and no more
_STEPS = 127  # whole steps up to `_MOST`: products of 512 such numbers add exactly in single precision
_PARTNERS = 10  # most alike landmarks in what is odd; with 3 or 30 the AUC is within 0.01
_AT_A_TIME = 2_000  # accounts compared at once: 50 MB
_UNIT = 1 << 20
_SIZES = {"cell": CELLS, "capability": len(CAPABILITIES) + 1}
_SURPRISES = {"cell": "kin_topic_surprise_28d", "capability": "kin_capability_surprise_28d"}
_SHARED = "kin_odd_topics_shared_28d"
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account of the history."""
    names = (*_SURPRISES.values(), _SHARED)
    nothing = history.seen.select("account_id", *[pl.lit(None, pl.Float64).alias(name) for name in names])
    own = profile(history.hours.lazy()).filter(pl.col("with_topic") >= LEAST_TOPICS).sort("account_id").collect()
    landmarks, reference = history.landmarks, history.landmarks.filter("is_reference")
    if len(reference) < _LEAST or own.is_empty():
        return nothing
    theirs = {kind: _weights(history.landmark_keys, landmarks, kind) for kind in _SIZES}
    usual = {kind: weights[np.flatnonzero(landmarks["is_reference"])] for kind, weights in theirs.items()}
    partners = _odd(theirs["cell"], _of_kin(_nearest(landmarks, reference, landmarks), usual["cell"]))
    parts = []
    for begin in range(0, len(own), _AT_A_TIME):
        block = own[begin : begin + _AT_A_TIME]
        kin, read = _nearest(block, reference, landmarks), {}
        for kind, name in _SURPRISES.items():
            weights = _weights(history.keys, block, kind)
            of_kin = _of_kin(kin, usual[kind])
            read[name] = _surprise(weights, of_kin, _of_others(weights, usual[kind], _same(block, reference)))
            if kind == "cell":
                read[_SHARED] = _shared(_odd(weights, of_kin), partners, _same(block, landmarks))
        parts.append(block.select("account_id").with_columns(pl.Series(name, read[name]) for name in names))
    return nothing.select("account_id").join(pl.concat(parts), on="account_id", how="left", maintain_order="left")


def _nearest(own: pl.DataFrame, reference: pl.DataFrame, landmarks: pl.DataFrame) -> Indexes:
    """The rows of the reference accounts that send most like each account, itself left out, (n, k)."""
    count = max(5, min(_KIN, len(reference) // 10))
    rows, at = rank_manners(own, landmarks), rank_manners(reference, landmarks)
    parts = []
    for begin in range(0, len(own), _AT_A_TIME):
        block = rows[begin : begin + _AT_A_TIME]
        squared = (block**2).sum(axis=1)[:, None] - 2 * (block @ at.T) + (at**2).sum(axis=1)
        # of equally near ones the first: the place makes every distance another number
        distance = squared.astype(np.int64) * len(reference) + np.arange(len(reference))
        itself = _same(own[begin : begin + _AT_A_TIME], reference)
        distance[itself] = np.iinfo(np.int64).max
        parts.append(np.argpartition(distance, count - 1, axis=1)[:, :count])
    return np.concatenate(parts)


def _same(own: pl.DataFrame, others: pl.DataFrame) -> tuple[Indexes, Indexes]:
    """Where an account is among others: its row, and the row there."""
    pairs = own.select("account_id").with_row_index("row").join(
        others.select("account_id").with_row_index("other"), on="account_id"
    )  # fmt: skip
    return pairs["row"].to_numpy().astype(np.int64), pairs["other"].to_numpy().astype(np.int64)


def _weights(keys: pl.DataFrame, accounts: pl.DataFrame, kind: str) -> csr_array:
    """What each account asks for: shares of its requests in parts of `WHOLE`, (n, codes)."""
    rows = accounts.select("account_id").with_row_index("row")
    placed = keys.filter(pl.col("kind") == KEY_KINDS.index(kind)).join(rows, on="account_id")
    weighed = weigh_keys(placed.lazy()).collect()
    at = (weighed["row"].to_numpy(), weighed["key"].to_numpy())
    return csr_array((weighed["weight"].to_numpy(), at), shape=(len(rows), _SIZES[kind]), dtype=np.int64)


def _of_kin(nearest: Indexes, usual: csr_array) -> Floats:
    """What kin ask for, each with the same weight: the mean share of each code, (n, codes)."""
    rows, count = nearest.shape
    chosen = csr_array((np.ones(nearest.size, np.int64), nearest.ravel(), np.arange(rows + 1) * count),
                       shape=(rows, usual.shape[0]))  # fmt: skip
    shares: Floats = np.asarray((chosen @ usual).todense()) / (count * WHOLE)
    return shares


def _surprise(own: csr_array, of_kin: Floats, of_others: Floats) -> Floats:
    """How much rarer what an account asks for is among its kin than among others: mean of log2 of the ratio, (n,)."""
    at = own.tocoo()
    ratio = (of_others[at.row, at.col] + _USED) / (of_kin[at.row, at.col] + _USED)
    bits = np.rint(np.log2(ratio) * at.data / WHOLE * _UNIT)
    surprise: Floats = np.bincount(at.row, weights=bits, minlength=own.shape[0]) / _UNIT
    return surprise


def _of_others(own: csr_array, usual: csr_array, itself: tuple[Indexes, Indexes]) -> Floats:
    """What all reference accounts but the account itself ask for, each with the same weight, (n, codes)."""
    is_own = np.zeros(own.shape[0], np.int64)
    is_own[itself[0]] = 1
    others = np.asarray(usual.sum(axis=0)).ravel() - own.todense() * is_own[:, None]
    shares: Floats = np.maximum(others, 0) / (WHOLE * (usual.shape[0] - is_own)[:, None])
    return shares


def _odd(own: csr_array, of_kin: Floats) -> Singles:
    """What an account asks for more than twice as often as its kin, in whole steps, (n, codes)."""
    shares = np.asarray(own.todense()) / WHOLE
    odd = np.maximum(np.minimum(shares, _MOST) - 2 * of_kin, 0)
    return np.rint(odd * (_STEPS / _MOST)).astype(np.float32)


def _shared(odd: Singles, partners: Singles, itself: tuple[Indexes, Indexes]) -> Floats:
    """The mean cosine to the landmarks that are most alike in what is odd, (n,)."""
    lengths = [np.sqrt((some**2).sum(axis=1, dtype=np.float64)) for some in (odd, partners)]
    products = (odd @ partners.T).astype(np.float64)
    cosines = products / np.maximum(lengths[0][:, None] * lengths[1], 1.0)
    cosines[itself] = 0.0
    count = min(_PARTNERS, len(partners))
    steps = np.rint(np.partition(cosines, -count, axis=1)[:, -count:] * _UNIT)
    mean: Floats = steps.sum(axis=1) / (count * _UNIT)
    return mean
