"""Numbers that look random but are functions of their inputs, and strings made of them.

Whatever must be the same each time (an account's addresses, the text of item 7 of account 12) is a keyed mix of
integers, so that no state is carried from day to day.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

U64 = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FIRST_OWN_ITEM = 1 << 20  # items from it on belong to one account; those below a campaign's accounts may share

_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "st")
_NUCLEI = ("a", "e", "i", "o", "u", "ai", "au", "ea", "ei", "ia", "ie", "io", "oa", "oe", "ua", "ue")
_NAME_BITS = np.uint64((1 << 40) - 1)


def next_state(values: U64) -> U64:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): a bijection of the 64-bit integers."""
    with np.errstate(over="ignore"):
        z = values + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    out: U64 = z ^ (z >> np.uint64(31))
    return out


def keyed(*parts: npt.ArrayLike) -> U64:
    """Mix the parts (integers, broadcast against each other) into one 64-bit number per row."""
    state: U64 = np.zeros(1, dtype=np.uint64)
    for part in parts:
        state = next_state(state ^ np.asarray(part).astype(np.uint64))
    return state


def unit(numbers: U64) -> Floats:
    """Turn 64-bit numbers into uniform floats in [0, 1)."""
    out: Floats = (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return out


def below(numbers: U64, bound: npt.ArrayLike) -> Ints:
    """Turn 64-bit numbers into integers in [0, bound)."""
    limit = np.asarray(bound).astype(np.float64)
    return np.asarray(np.minimum(np.floor(unit(numbers) * limit), limit - 1), dtype=np.int64)


def choose(weights: dict[str, float], numbers: U64) -> Ints:
    """Positions in `weights`, drawn with those weights."""
    edges = np.cumsum(np.asarray(list(weights.values()), dtype=np.float64))
    return np.searchsorted(edges / edges[-1], unit(numbers), side="right").clip(0, len(weights) - 1)


def take(table: pl.Series, rows: Ints) -> pl.Series:
    """The rows of a table, as a series without a name."""
    return table[pl.Series(rows)]


def glue(*parts: pl.Series | str) -> pl.Series:
    """Concatenate the parts row by row; null where a part is null."""
    exprs = [pl.lit(part) for part in parts]
    return pl.select(pl.concat_str(exprs)).to_series()


def ids(numbers: U64, prefix: str) -> pl.Series:
    """`prefix` and sixteen hexadecimal digits of each number."""
    raw = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    body = np.empty((len(numbers), 16 + len(prefix)), dtype=np.uint8)
    body[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    body[:, len(prefix) :: 2] = digits[raw >> 4]
    body[:, len(prefix) + 1 :: 2] = digits[raw & 15]
    offsets = np.arange(len(numbers) + 1, dtype=np.int64) * body.shape[1]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(body.reshape(-1))]
    return pl.Series(pa.LargeStringArray.from_buffers(len(numbers), buffers[1], buffers[2]))


@cache
def _words() -> tuple[pl.Series, pl.Series]:
    syllables = [onset + nucleus for onset in _ONSETS for nucleus in _NUCLEI]
    return pl.Series([(a + b).capitalize() for a in syllables for b in syllables]), pl.Series(syllables)


def names(owner: npt.ArrayLike, item: npt.ArrayLike, seed: int) -> pl.Series:
    """Make up proper names, one for each (owner, item modulo 65,536), different for different pairs.

    A bijection of 40 bits (24 of the owner, 16 of the item), spelt in syllables that can be read back in
    one way only.
    """
    code = (np.asarray(owner).astype(np.uint64) << np.uint64(16)) | (
        np.asarray(item).astype(np.uint64) & np.uint64(0xFFFF)
    )
    code = (code ^ np.uint64(seed & 0xFFFFFF)) & _NAME_BITS
    with np.errstate(over="ignore"):
        for factor in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9):
            code = (code * np.uint64(factor)) & _NAME_BITS
            code ^= code >> np.uint64(20)
    word, syllable = _words()
    indices = [(code >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.int64) for shift in (0, 16)]
    last = (code >> np.uint64(32)).astype(np.int64)
    return glue(take(word, indices[0]), " ", take(word, indices[1]), take(syllable, last))
