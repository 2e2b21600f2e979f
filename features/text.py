"""Text becomes keys, flags and a vector, and is then dropped.

A prompt is read as words: runs of letters and digits, lower-cased (ASCII), every digit folded to `0` so that counters
and dates do not hide a template, and each Chinese, Japanese or Korean character a word of its own. From the words come

- `prefix`, `suffix`: keys of the first and the last five words;
- `exact`: key of all words in order;
- `simhash`: 64-bit SimHash of the bag of words (Charikar 2002; near-duplicates differ in few bits: Manku et al. 2007);
- `topic`: the first sixteen SimHash counters before the sign is taken, in units of 1/16 standard deviation: a signed
  random projection of the bag of words;
- `flags`: which shapes of request the text has (`FLAGS`), one bit each.

All hashes are polynomial in a secret base, so that without the workspace's key nobody can test which prompt a stored
key stands for. Word hashes of a whole block come from one prefix sum, so the cost is a few passes over the bytes.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

U64 = npt.NDArray[np.uint64]
EDGE_WORDS = 5
TOPIC_SIZE = 16
LONGEST = 6_144  # bytes; of longer texts the head and the tail are read
_HEAD, _TAIL = 4_096, 1_024  # characters
_BLOCK = 1 << 21  # bytes of text reduced at once: bounds the memory of a thread to about 200 MB
_HEAD_WORDS, _COUNTED_WORDS = 191, 255  # a SimHash counter has eight bits

# Shapes of a request, looked for in the lower-cased text. Spans are ASCII and short: they keep the automata small.
_SPAN = r"[ -~]{0,40}"
FLAGS: dict[str, str] = {
    "stepwise": r"step[- ]by[- ]step|chain of thought|think (?:aloud|it through|carefully)|let'?s think|"
    r"(?:show|write out|include) (?:all )?(?:your|the) (?:full )?(?:work|reasoning|steps|thinking)|"
    r"reasoning (?:trace|process|steps)|逐步|一步一步|思考过程|推理过程",
    "explain": rf"(?:explain|justify|articulate|reconstruct|derive|lay out){_SPAN}(?:reasoning|rationale|thought process|"
    r"how you (?:got|arriv|reach)|led to|leads to)|(?:given|correct|final|reference) answer|解释[^\n]{0,9}答案",
    "rubric": r"rubric|scoring|score (?:of|from|between|using|the|for)|score:|assign a score|rate the|rating|point scale|"
    r"on a scale|grade (?:the|this|each)|which (?:response|answer|assistant) is better|评分|打分",
    "generate": r"(?:generate|create|write|produce|develop|come up with|invent|propose|draft) (?:[^ ]+ ){0,4}"
    r"(?:questions?|tasks?|instructions?|examples?|prompts?|quer(?:y|ies)|pairs?|problems?|samples?|dialogues?)|"
    r"生成[^\n]{0,9}(?:问题|指令|任务|样本)",
    "rewrite": r"re-?(?:write|phrase|word|formulate)|paraphras|(?:clean|polish|shorten|condense|tidy) (?:up )?(?:the|this)|"
    r"without (?:changing|altering) (?:the|its) meaning|改写|润色",
    "schema": r"json|xml|yaml|csv|output format|following format|exactly this format|only (?:return|output|respond|reply)|"
    r"(?:return|output|respond with|reply with|answer with) only|格式",
    "code": r"```|def [a-z_]+\(|import [a-z_]+\n|function|#include|stack ?trace|traceback|unit tests?|refactor|repository|"
    r"pull request|代码|函数",
    "persona": r"you are (?:a|an|the) |act as (?:a|an) |pretend (?:to be|you)|ignore (?:all|any|previous)|no restrictions|"
    r"jailbreak|你是一",
}
_PATTERNS = {name: f"(?s){pattern}" for name, pattern in FLAGS.items()}


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


_IS_WORD, _IS_IDEOGRAPH, _FOLDED = _byte_tables()
# bit i of a byte, moved to byte i of a word: eight counters of eight bits are then added by one addition
_SPREAD = np.array([sum(((b >> i) & 1) << (8 * i) for i in range(8)) for b in range(256)], dtype=np.uint64)


def _mix(x: U64) -> U64:
    """The finaliser of SplitMix64 (Steele et al. 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class TextHasher:
    """Secret parameters of the text hashes.

    Attributes:
        powers: base ** i modulo 2**64, shape (block + 1,).
        inverse: base ** -i modulo 2**64, the same shape.
        salt: start value of every key.
    """

    powers: U64
    inverse: U64
    salt: np.uint64

    @classmethod
    def from_secret(cls, secret: bytes) -> "TextHasher":
        """Derive the parameters from 16 bytes or more."""
        base = int.from_bytes(secret[:8], "little") | 1  # odd numbers have an inverse modulo 2**64
        size = _BLOCK + 4 * LONGEST

        def powers(value: int) -> U64:
            steps = np.full(size, value, dtype=np.uint64)
            steps[0] = 1
            return np.cumprod(steps, dtype=np.uint64)

        salt = np.uint64(int.from_bytes(secret[8:16], "little"))
        return cls(powers(base), powers(pow(base, -1, 1 << 64)), salt)


def flag_bits(text: pl.Expr) -> pl.Expr:
    """One bit for each entry of `FLAGS` that the text matches, Int32, null for null text."""
    lowered = text.str.to_lowercase()
    bits = [lowered.str.contains(pattern).cast(pl.Int32) * (1 << bit) for bit, pattern in enumerate(_PATTERNS.values())]
    return pl.sum_horizontal(bits, ignore_nulls=False)


def clipped(text: pl.Expr) -> pl.Expr:
    """The part of a text that is read: all of it up to `LONGEST` bytes, else its head and tail."""
    ends = pl.concat_str(text.str.head(_HEAD), pl.lit(" "), text.str.tail(_TAIL))
    return pl.when(text.str.len_bytes() > LONGEST).then(ends).otherwise(text)


def reduce_texts(texts: pl.Series, hasher: TextHasher) -> pl.DataFrame:
    """Reduce texts to numbers; a row of nulls for a null text.

    Args:
        texts: String, n rows, clipped (see `clipped`).
        hasher: the workspace's secret parameters.

    Returns:
        n rows: `words` Int32, `prefix`, `suffix`, `exact`, `simhash` Int64, `topic` Array(Int16, 16).
    """
    filled = texts.fill_null("")
    ends = filled.str.len_bytes().cum_sum().to_numpy()
    cuts = np.unique(np.searchsorted(ends, np.arange(0, ends[-1] if len(ends) else 0, _BLOCK)))
    bounds = [0, *cuts[cuts > 0].tolist(), len(texts)]
    blocks = [filled.slice(a, b - a) for a, b in pairwise(bounds)]
    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(lambda block: _reduce_block(block, hasher), blocks))
    known = pl.lit(texts.is_not_null())
    return pl.concat(parts).select(pl.when(known).then(pl.all()))


def _reduce_block(texts: pl.Series, hasher: TextHasher) -> pl.DataFrame:
    hashes, offsets = _word_hashes(texts, hasher)
    counts = np.diff(offsets)
    position = np.arange(len(hashes), dtype=np.uint64) - np.repeat(offsets[:-1], counts).astype(np.uint64)
    simhash, topic = _simhash(hashes, offsets, position)
    placed = _mix(hashes + position * np.uint64(0x9E3779B97F4A7C15))
    keys = {
        "prefix": _edge_key(hashes, offsets, hasher.salt, from_end=False),
        "suffix": _edge_key(hashes, offsets, hasher.salt, from_end=True),
        "exact": _mix(_sum_by_text(placed, offsets) + hasher.salt),
        "simhash": simhash,
    }
    has_words = pl.lit(pl.Series(counts > 0))
    columns = {name: key.view(np.int64) for name, key in keys.items()}
    return pl.DataFrame({"words": counts.astype(np.int32), **columns, "topic": topic}).with_columns(
        pl.when(has_words).then(pl.col(*columns, "topic"))
    )


def _word_hashes(texts: pl.Series, hasher: TextHasher) -> tuple[U64, npt.NDArray[np.int64]]:
    """Hash of every word of a block, and where each text's words begin, shape (texts + 1,)."""
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
    hashes = _mix((sums[stops] - sums[starts]) * hasher.inverse[starts] + hasher.salt)
    return hashes, np.searchsorted(starts, bounds).astype(np.int64)


def _edge_key(hashes: U64, offsets: npt.NDArray[np.int64], salt: np.uint64, *, from_end: bool) -> U64:
    """Key of the first (or last) `EDGE_WORDS` words of each text, shape (texts,)."""
    first, last = offsets[:-1], offsets[1:] - 1
    key = np.full(len(first), salt, dtype=np.uint64)
    for i in range(EDGE_WORDS):
        at = last - i if from_end else first + i
        inside = (at >= first) & (at <= last)
        word = hashes[np.where(inside, at, 0)] if len(hashes) else key
        key = np.where(inside, _mix(key * np.uint64(0xD6E8FEB86659FD93) + word), key)
    return key


def _sum_by_text(values: npt.NDArray[np.uint64], offsets: npt.NDArray[np.int64]) -> U64:
    """Sum of each text's rows; zero for a text without words."""
    total = np.zeros((len(offsets) - 1, *values.shape[1:]), dtype=np.uint64)
    filled = offsets[1:] > offsets[:-1]
    if filled.any():
        total[filled] = np.add.reduceat(values, offsets[:-1][filled], axis=0)
    return total


def _simhash(hashes: U64, offsets: npt.NDArray[np.int64], position: U64) -> tuple[U64, npt.NDArray[np.int16]]:
    """SimHash and topic vector of each text, from its first 191 and last 64 words."""
    to_end = np.repeat(offsets[1:], np.diff(offsets)) - np.arange(len(hashes))
    counted = (position < _HEAD_WORDS) | (to_end <= _COUNTED_WORDS - _HEAD_WORDS)
    kept = np.concatenate([[0], np.cumsum(counted)])[offsets]
    spread = _SPREAD[hashes[counted].view(np.uint8).reshape(-1, 8)]
    ones = _sum_by_text(spread, kept).view(np.uint8).reshape(-1, 64)
    words = np.diff(kept)[:, None]
    surplus = 2 * ones.astype(np.int32) - words
    bits = np.packbits(surplus > 0, axis=1, bitorder="little").view(np.uint64).ravel()
    scaled = surplus[:, :TOPIC_SIZE] * (16 / np.sqrt(np.maximum(words, 1)))
    return bits, np.clip(np.rint(scaled), -255, 255).astype(np.int16)
