"""A text's words become what is kept of it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from features.text import keys
from features.text.lexicon import Lexicon
from features.text.words import BLOCK, WordHasher, read_words

TOPIC_SIZE = 16
CELLS = 1_024
KEYS = ("prefix", "suffix", "exact", "simhash", "skeleton", "band")
CODES = ("language", "capability", "cell")


@dataclass(frozen=True)
class TextHasher:
    """What reads texts: the secret parameters of the word hashes, and the common words known by their hashes."""

    words: WordHasher
    lexicon: Lexicon

    @classmethod
    def from_secret(cls, secret: bytes) -> "TextHasher":
        """Derive the parameters from 16 bytes or more."""
        words = WordHasher.from_secret(secret)
        return cls(words, Lexicon.known_by(words))


def reduce_texts(texts: pl.Series, hasher: TextHasher) -> pl.DataFrame:
    """Reduce texts to numbers; a row of nulls for a null text.

    Args:
        texts: String, n rows, clipped (see `clipped`).
        hasher: the workspace's secret parameters.

    Returns:
        n rows: `words` Int32, `KEYS` and `CODES` Int64, `topic` Array(Int16, 16); all but `words` null for a text
        without words.
    """
    filled = texts.fill_null("")
    ends = filled.str.len_bytes().cum_sum().to_numpy()
    cuts = np.unique(np.searchsorted(ends, np.arange(0, ends[-1] if len(ends) else 0, BLOCK)))
    bounds = [0, *cuts[cuts > 0].tolist(), len(texts)]
    blocks = [filled.slice(a, b - a) for a, b in pairwise(bounds)]
    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(lambda block: _reduce_block(block, hasher), blocks))
    known = pl.lit(texts.is_not_null())
    return pl.concat(parts).select(pl.when(known).then(pl.all()))


def _reduce_block(texts: pl.Series, hasher: TextHasher) -> pl.DataFrame:
    words, salt = read_words(texts, hasher.words), hasher.words.salt
    counted = keys.counted(words)
    entries = hasher.lexicon.entries(counted)
    simhash, surplus = keys.simhash(counted)
    frame, has_frame = keys.skeleton(counted, hasher.lexicon.frames[entries], salt)
    columns = {
        "prefix": keys.edge(words, salt, from_end=False),
        "suffix": keys.edge(words, salt, from_end=True),
        "exact": keys.exact(words, salt),
        "simhash": simhash,
        "skeleton": frame,
        "band": keys.band(counted, salt),
    }
    language, capability = hasher.lexicon.codes(entries, counted.offsets)
    codes = {"language": language, "capability": capability, "cell": (simhash % np.uint64(CELLS)).view(np.int64)}
    scaled = surplus[:, :TOPIC_SIZE] * (16 / np.sqrt(np.maximum(counted.counts, 1)))[:, None]
    topic = np.clip(np.rint(scaled), -255, 255).astype(np.int16)
    signed = {name: key.view(np.int64) for name, key in columns.items()}
    has_words = pl.lit(pl.Series(words.counts > 0))
    return pl.DataFrame({"words": words.counts.astype(np.int32), **signed, **codes, "topic": topic}).with_columns(
        pl.when(has_words).then(pl.col(*[name for name in signed if name != "skeleton"], *codes, "topic")),
        skeleton=pl.when(pl.lit(pl.Series(has_frame))).then("skeleton"),
    )
