"""Text as words, and words as hashes.

A word is a run of letters and digits, lower-cased (ASCII), every digit folded to `0` so that counters and dates do not
hide a template; each Chinese, Japanese or Korean character is a word of its own. Hashes are polynomial in a fixed base
and the same in every workspace; they are not stored (`features.text.naming`). Those of a whole block come from one
prefix sum, so the cost is a few passes over the bytes.
"""

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

U64 = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
LONGEST = 6_144  # bytes; of longer texts the head and the tail are read
BLOCK = 1 << 20  # bytes of text reduced at once: bounds the memory of a thread to about 100 MB
_HEAD, _TAIL = 4_096, 1_024  # characters

# What a word is written in, by its first bytes. A Latin word says nothing by its script.
SCRIPTS = ("latin", "han", "kana", "hangul", "cyrillic", "arabic", "indic", "other")


def _byte_tables() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], U64]:
    """Per byte value: is it part of a word, does it begin an ideograph, and what it counts as in a hash."""
    values = np.arange(256)
    char = values.astype(np.uint8)
    is_digit = (char >= 48) & (char <= 57)
    is_upper = (char >= 65) & (char <= 90)
    is_lower = (char >= 97) & (char <= 122)
    folded = np.where(is_upper, values + 32, np.where(is_digit, 48, values)).astype(np.uint64)
    ideograph = (values >= 0xE3) & (values <= 0xED)
    return is_digit | is_upper | is_lower | (values >= 0x80), ideograph, folded + np.uint64(1)


def _script_table() -> npt.NDArray[np.uint8]:
    """Script by the first byte of a word; for 0xE3, kana, which its second byte confirms."""
    table = np.zeros(256, dtype=np.uint8)
    ranges = {
        "other": (0xCD, 0xEE), "cyrillic": (0xD0, 0xD4), "arabic": (0xD8, 0xDC), "indic": (0xE0, 0xE1),
        "kana": (0xE3, 0xE4), "han": (0xE4, 0xEA), "hangul": (0xEA, 0xEE),
    }  # fmt: skip
    for name, (begin, end) in ranges.items():
        table[begin:end] = SCRIPTS.index(name)
    table[0xE1:0xE3] = 0  # Vietnamese letters, dashes and quotes
    return table


_IS_WORD, _IS_IDEOGRAPH, _FOLDED = _byte_tables()
_SCRIPT = _script_table()


def mix_bits(x: U64) -> U64:
    """The finaliser of SplitMix64 (Steele et al. 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class WordHasher:
    """Parameters of the word hashes.

    Attributes:
        powers: base ** i modulo 2**64, shape (longest block + 1,).
        inverse: base ** -i modulo 2**64, the same shape.
        salt: start value of every key.
    """

    powers: U64
    inverse: U64
    salt: np.uint64

    @classmethod
    def from_seed(cls, seed: bytes) -> "WordHasher":
        """Derive the parameters from 16 bytes."""
        base = int.from_bytes(seed[:8], "little") | 1  # odd numbers have an inverse modulo 2**64
        size = BLOCK + 4 * LONGEST

        def powers(value: int) -> U64:
            steps = np.full(size, value, dtype=np.uint64)
            steps[0] = 1
            return np.cumprod(steps, dtype=np.uint64)

        salt = np.uint64(int.from_bytes(seed[8:16], "little"))
        return cls(powers(base), powers(pow(base, -1, 1 << 64)), salt)


@cache
def word_hasher() -> WordHasher:
    """The hasher of all workspaces."""
    return WordHasher.from_seed(hashlib.sha256(b"words of stillwatch").digest())


@dataclass(frozen=True)
class Words:
    """The words of some texts, one after another.

    Attributes:
        hashes: of each word.
        offsets: where each text's words begin, shape (texts + 1,).
        scripts: position in `SCRIPTS` of each word's script.
    """

    hashes: U64
    offsets: Ints
    scripts: npt.NDArray[np.uint8]

    @property
    def counts(self) -> Ints:
        """Words of each text."""
        return np.diff(self.offsets)

    @property
    def position(self) -> Ints:
        """Words before each word in its text."""
        return np.arange(len(self.hashes)) - np.repeat(self.offsets[:-1], self.counts)

    def offsets_of(self, chosen: npt.NDArray[np.bool_]) -> Ints:
        """Where each text's chosen words begin among the chosen."""
        return np.concatenate([[0], np.cumsum(chosen)])[self.offsets]

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Words":
        """The chosen words only."""
        return Words(self.hashes[chosen], self.offsets_of(chosen), self.scripts[chosen])


def clip_text(text: pl.Expr) -> pl.Expr:
    """Return the part of a text that is read: all of it up to `LONGEST` bytes, else its head and tail."""
    ends = pl.concat_str(text.str.head(_HEAD), pl.lit(" "), text.str.tail(_TAIL))
    return pl.when(text.str.len_bytes() > LONGEST).then(ends).otherwise(text)


def read_words(texts: pl.Series, hasher: WordHasher) -> Words:
    """The words of at most one block of texts, without nulls."""
    sizes = texts.str.len_bytes().to_numpy()
    bounds = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    joined = texts.str.join("").item() if len(texts) else ""
    data = np.frombuffer(joined.encode(), dtype=np.uint8)
    is_word = np.append(_IS_WORD[data], False)
    opens = np.zeros(len(is_word), dtype=np.bool_)  # positions at which a word may not go on
    opens[:-1] = ideograph = _IS_IDEOGRAPH[data]
    opens[3:] |= ideograph[:-2]  # an ideograph has three bytes; a word after it is a new one
    opens[bounds] = True
    starts = np.flatnonzero(is_word & (opens | ~np.concatenate([[False], is_word[:-1]])))
    stops = np.flatnonzero(is_word[:-1] & (opens[1:] | ~is_word[1:])) + 1
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum(_FOLDED[data] * hasher.powers[: len(data)], out=sums[1:])
    hashes = mix_bits((sums[stops] - sums[starts]) * hasher.inverse[starts] + hasher.salt)
    return Words(hashes, np.searchsorted(starts, bounds).astype(np.int64), _scripts(data, starts))


def _scripts(data: npt.NDArray[np.uint8], starts: Ints) -> npt.NDArray[np.uint8]:
    """Script of the word at each start."""
    lead = data[starts]
    scripts = _SCRIPT[lead]
    marks = np.flatnonzero(lead == 0xE3)  # of these only 81 to 83 are kana, 80 is punctuation
    second = data[starts[marks] + 1]
    scripts[marks] = np.where((second >= 0x81) & (second <= 0x83), scripts[marks], 0)
    return scripts


def sum_by_text(values: U64, offsets: Ints) -> U64:
    """Sum of each text's rows; zero for a text without words."""
    total = np.zeros((len(offsets) - 1, *values.shape[1:]), dtype=np.uint64)
    filled = offsets[1:] > offsets[:-1]
    if filled.any():
        total[filled] = np.add.reduceat(values, offsets[:-1][filled], axis=0)
    return total
