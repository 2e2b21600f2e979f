"""The common words, and what each says about a text: its language, what it asks for, its frame, its topic.

Words are known by their hashes: a word of a text is looked up by its hash, and its row of weights is added to
the text's. All weights are multiples of a quarter and sums stay small, so that the additions are exact. Rows of topics
come from `topics.parquet`, which `python -m benchmarks topics` fits; what the rest says is in `lists`.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from features.text.lists import ASKS, CAPABILITIES, FRAME, LANGUAGES, STOP_WORDS
from features.text.words import SCRIPTS, U64, Ints, WordHasher, Words, read_words, word_hasher

TABLES = Path(__file__).parent
TOPIC_SIZE = 16
TOPIC_LENGTH = 64  # of every topic vector: sixteen dimensions of sixteen
CELLS = 512
Weights = npt.NDArray[np.float32]

_LANGUAGE_OF_SCRIPT = {"han": "zh", "kana": "ja", "hangul": "ko", "cyrillic": "ru", "arabic": "ar", "indic": "hi"}
_KANA = 3.0  # Japanese mixes in Chinese characters, Chinese no kana
_LEAST_ASK = 3.0  # weight below which a text asks for nothing in particular
_SLOT_BITS = 18
_OTHERS = 64  # rows that the words of a script share that are not common
_OTHER_TOPIC = 8  # size of the parts of their topics: less than of words that mean something
_LANGUAGES, _ASKS = slice(0, len(LANGUAGES)), slice(len(LANGUAGES), len(LANGUAGES) + len(CAPABILITIES))
_TOPIC = slice(_ASKS.stop, _ASKS.stop + TOPIC_SIZE)


@dataclass(frozen=True)
class TextCodes:
    """Codes of some texts: language and capability, topics of shape (texts, 16), and the cells of these."""

    language: Ints
    capability: Ints
    topic: npt.NDArray[np.int16]
    cell: Ints


@dataclass(frozen=True)
class Lexicon:
    """The common words, found by hash.

    The first entries stand for all other words: some for each script, so that topics of texts in a language that no
    list covers differ too.

    Attributes:
        slots: two tables of 2**18 places; a hash has one place in each, which names the entry there.
        hashes: of the entries, shape (entries,).
        weights: what an entry says for each language, capability and part of the topic, shape (entries, 47).
        frames: line of `FRAME` that the entry stands in, from 1; 0 for no part of a frame, shape (entries,).
    """

    slots: npt.NDArray[np.int16]
    hashes: U64
    weights: Weights
    frames: U64

    @classmethod
    def hashed_with(cls, hasher: WordHasher) -> "Lexicon":
        """Build the lexicon with the hashes of its words."""
        words, weights, frames = _entries()
        word_hashes = read_words(pl.Series(words), hasher).hashes
        begin = len(frames) - len(words)
        numbers = np.arange(begin, len(frames), dtype=np.int16)
        slots = np.zeros((2, 1 << _SLOT_BITS), dtype=np.int16)
        slots[0][_first_slot(word_hashes)] = numbers
        crowded = slots[0][_first_slot(word_hashes)] != numbers  # the last word in a place has it
        slots[1][_second_slot(word_hashes[crowded])] = numbers[crowded]
        return cls(slots, np.concatenate([np.zeros(begin, dtype=np.uint64), word_hashes]), weights, frames)

    def find_entries(self, words: Words) -> npt.NDArray[np.int32]:
        """The entry of each word."""
        entries: npt.NDArray[np.int32] = self.slots[0][_first_slot(words.hashes)].astype(np.int32)
        missed = np.flatnonzero(self.hashes[entries] != words.hashes)
        hashes = words.hashes[missed]
        again = self.slots[1][_second_slot(hashes)]
        other = words.scripts[missed] * np.int32(_OTHERS) + (hashes % np.uint64(_OTHERS)).astype(np.int32)
        entries[missed] = np.where(self.hashes[again] == hashes, again, other)
        return entries

    def read_codes(self, entries: npt.NDArray[np.int32], offsets: Ints) -> TextCodes:
        """Add up the codes of texts from the entries of their words."""
        shape = (len(offsets) - 1, len(self.weights))
        ones = np.ones(len(entries), dtype=np.float32)
        sums = csr_array((ones, entries, offsets.astype(np.int32)), shape=shape) @ self.weights
        topic = sums[:, _TOPIC].astype(np.float64)
        length = np.sqrt((topic**2).sum(axis=1, keepdims=True))
        topic = np.rint(topic * (TOPIC_LENGTH / np.maximum(length, 1)))
        cell: Ints = (topic.astype(np.float32) @ centres()).argmax(axis=1)
        codes = _strongest(sums[:, _LANGUAGES], 1), _strongest(sums[:, _ASKS], _LEAST_ASK)
        return TextCodes(*codes, topic.astype(np.int16), cell)


@cache
def shared_lexicon() -> Lexicon:
    """The lexicon of all workspaces."""
    return Lexicon.hashed_with(word_hasher())


@cache
def _entries() -> tuple[list[str], Weights, U64]:
    """The words, and weights and frames of all entries, which begin with those of other words."""
    topics = pl.read_parquet(TABLES / "topics.parquet")
    rows = dict(zip(topics["word"].to_list(), topics["row"].to_numpy(), strict=True))
    frames = {word: number for number, line in enumerate(FRAME, 1) for word in line.split()}
    stops = {name: set(line.split()) for name, line in STOP_WORDS.items()}
    asks = _asks()
    words = sorted(set().union(rows, frames, asks, *stops.values()))
    weights = np.zeros((len(words), _TOPIC.stop), dtype=np.float32)
    for row, word in enumerate(words):
        for language, listed in stops.items():
            weights[row, LANGUAGES.index(language)] = word in listed
        if "\u4e00" <= word[0] <= "\u9fff":
            weights[row, LANGUAGES.index("zh")] = 1
        for capability, weight in asks.get(word, {}).items():
            weights[row, _ASKS.start + CAPABILITIES.index(capability)] = weight
        weights[row, _TOPIC] = rows.get(word, 0)
    others = _weights_of_others()
    numbers = np.array([0] * len(others) + [frames.get(word, 0) for word in words], dtype=np.uint64)
    return words, np.concatenate([others, weights]), numbers


def _weights_of_others() -> Weights:
    """What words that are not common say: the language of their script, and a topic drawn at random."""
    weights = np.zeros((len(SCRIPTS), _OTHERS, _TOPIC.stop), dtype=np.float32)
    for i, script in enumerate(SCRIPTS[1:], 1):
        language = LANGUAGES.index(_LANGUAGE_OF_SCRIPT.get(script, "other"))
        weights[i, :, language] = _KANA if script == "kana" else 1
    signs = np.random.default_rng(0).choice([-_OTHER_TOPIC, _OTHER_TOPIC], (len(SCRIPTS), _OTHERS, TOPIC_SIZE))
    weights[:, :, _TOPIC] = signs
    return weights.reshape(-1, _TOPIC.stop)


def _asks() -> dict[str, dict[str, float]]:
    """Weight of each word for the capabilities it speaks for."""
    asks: dict[str, dict[str, float]] = {}
    for name, line in ASKS.items():
        for item in line.split():
            word, _, weight = item.partition(":")
            asks.setdefault(word, {})[name] = float(weight or 2)
    return asks


@cache
def centres() -> Weights:
    """Centres of the topics' cells, shape (16, 512); whole numbers, so that products are exact."""
    return pl.read_parquet(TABLES / "cells.parquet")["centre"].to_numpy().astype(np.float32).T.copy()


def _first_slot(hashes: U64) -> U64:
    return hashes >> np.uint64(64 - _SLOT_BITS)


def _second_slot(hashes: U64) -> U64:
    return (hashes >> np.uint64(20)) % np.uint64(1 << _SLOT_BITS)


def _strongest(weights: Weights, least: float) -> Ints:
    """Position plus one of each row's greatest value, 0 below `least`."""
    best = weights.argmax(axis=1)
    return np.where(weights[np.arange(len(weights)), best] >= least, best + 1, 0)
