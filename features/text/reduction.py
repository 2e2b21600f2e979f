"""A text's words become what is kept of it."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl
from threadpoolctl import ThreadpoolController

from features.text import keys
from features.text.lexicon import Lexicon, shared_lexicon
from features.text.naming import KeyNamer
from features.text.words import BLOCK, WordHasher, read_words, word_hasher

KEYS = ("prefix", "suffix", "exact", "simhash", "skeleton", "band")
CODES = ("language", "capability", "cell")


@dataclass(frozen=True)
class TextHasher:
    """What reads texts: word hashes and common words that are the same everywhere, and secret names for the result."""

    words: WordHasher
    lexicon: Lexicon
    namer: KeyNamer

    @classmethod
    def from_secret(cls, secret: bytes) -> "TextHasher":
        """Derive the names from 32 bytes or more."""
        return cls(word_hasher(), shared_lexicon(), KeyNamer.from_secret(secret))


def reduce_texts(texts: pl.Series, hasher: TextHasher) -> pl.DataFrame:
    """Reduce texts to numbers; a row of nulls for a null text.

    Args:
        texts: String, n rows, clipped (see `clip_text`).
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
    # a thread for each core, and none for the matrix products within: more would only wait for one another
    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(lambda block: _reduce_block(block, hasher), blocks))
    has_text = pl.lit(texts.is_not_null())
    return pl.concat(parts).select(pl.when(has_text).then(pl.all()))


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that have threads of their own; to find them takes a while."""
    return ThreadpoolController()


def _reduce_block(texts: pl.Series, hasher: TextHasher) -> pl.DataFrame:
    words, salt = read_words(texts, hasher.words), hasher.words.salt
    counted = keys.select_counted(words)
    entries = hasher.lexicon.find_entries(counted)
    codes = hasher.lexicon.read_codes(entries, counted.offsets)
    frame, has_frame = keys.skeleton(counted, hasher.lexicon.frames[entries], salt)
    read_off = {
        "prefix": keys.boundary_key(words, salt, from_end=False),
        "suffix": keys.boundary_key(words, salt, from_end=True),
        "exact": keys.exact(words, salt),
        "skeleton": frame,
        "band": keys.band(counted, salt),
    }
    named = {name: hasher.namer.name(key) for name, key in read_off.items()}
    named["simhash"] = hasher.namer.shuffle(keys.simhash(counted))
    signed = {name: named[name].view(np.int64) for name in KEYS}
    has_words = pl.lit(pl.Series(words.counts > 0))
    return pl.DataFrame({"words": words.counts.astype(np.int32), **signed, **vars(codes)}).select(
        "words",
        pl.when(has_words).then(pl.col(*KEYS, *CODES, "topic").exclude("skeleton")),
        pl.when(pl.lit(pl.Series(has_frame))).then("skeleton"),
    )
