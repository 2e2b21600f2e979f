"""Sources of texts: the protocol `Material`, and a grammar that needs no data.

A text belongs to an owner (an account, a campaign) and has an item number. The same owner and item always give the same
text, and by construction two owners never share one.
"""

import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Protocol

import numpy as np
import polars as pl
from scipy.special import ndtri

from simulation.draws import U64, Floats, Ints, below, glue, keyed, names, take, unit
from simulation.texts.lexicon import LISTS
from simulation.texts.patterns import HABITS, PATTERNS, PROSE

_SLOT = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")


class Material(Protocol):
    """A source of texts of several kinds."""

    def write(self, kind: str, owner: U64, item: U64) -> pl.Series:
        """Write one text per row, always the same for the same arguments, never the same for two owners."""
        ...

    def pages(self, key: U64, sentences: Floats) -> pl.Series:
        """Write prose of about so many sentences per row."""
        ...


@cache
def word_list(slot: str) -> pl.Series:
    """Look up the word list of a slot."""
    return pl.Series(LISTS[slot], dtype=pl.String)


@cache
def _salt(word: str) -> int:
    return int.from_bytes(word.encode()[:7].ljust(7, b"_"), "big") ^ len(word)


class Pages:
    """Prose of three passages each; passages are drawn ahead, and two texts are hardly ever alike."""

    SIZES = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24)  # sentences of a passage
    _PER_SIZE = 500  # passages of each size; three of them give 10^8 texts

    def __init__(self, sentences: pl.Series, seed: int) -> None:
        passages = [pl.Series([""] * self._PER_SIZE)]
        for size in self.SIZES[1:]:
            rows = below(keyed(np.arange(self._PER_SIZE * size), size, 27, seed), len(sentences))
            lines = pl.DataFrame({"line": take(sentences, rows), "passage": np.arange(len(rows)) // size})
            passages.append(lines.group_by("passage", maintain_order=True).agg(pl.col("line").str.join(" "))["line"])
        self._table = pl.concat([p.alias("") for p in passages])

    def write(self, key: U64, sentences: Floats) -> pl.Series:
        """Write prose as `Material.pages` says, of at most 72 sentences."""
        sizes = np.array(self.SIZES)
        first = np.searchsorted(sizes, np.maximum(sentences, 1.0) / 3.0).clip(1, len(sizes) - 1)
        later = np.searchsorted(sizes, np.maximum(sentences, 1.0) / 3.0 - 0.4).clip(0, len(sizes) - 1)
        parts = [
            take(self._table, size * self._PER_SIZE + below(keyed(key, number), self._PER_SIZE))
            for number, size in enumerate((first, later, later))
        ]
        return glue(parts[0], " ", parts[1], " ", parts[2])


class Grammar:
    """Texts from patterns and word lists; owner, item and position choose the word of each slot."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        lines = np.arange(8_192, dtype=np.uint64)
        self._pages = Pages(self.write("fact", lines, lines), seed)

    def pages(self, key: U64, sentences: Floats) -> pl.Series:
        """Write prose as `Material.pages` says."""
        return self._pages.write(key, sentences)

    def write(self, kind: str, owner: U64, item: U64) -> pl.Series:
        """Write texts as `Material.write` says; kinds are those of `PATTERNS`, and `name`."""
        return self._fill(kind, owner, item, np.zeros(1, dtype=np.uint64))

    def _fill(self, kind: str, owner: U64, item: U64, context: U64) -> pl.Series:
        if kind == "name":
            return names(owner, item, self._seed)
        key = keyed(owner, item, _salt(kind), context, self._seed)
        if kind in PROSE:
            middle, spread = PROSE[kind]
            return self._pages.write(key, middle * np.exp(spread * ndtri(unit(key))))
        patterns = PATTERNS[kind]
        pick = below(key, HABITS.get(kind, 10_000))
        chosen = below(keyed(owner, pick, _salt(kind), self._seed), len(patterns))

        order = np.argsort(chosen, kind="stable")
        bounds = np.searchsorted(chosen[order], np.arange(len(patterns) + 1))
        rows = [order[low:high] for low, high in pairwise(bounds)]
        nested = self._write_nested([_SLOT.split(p) for p in patterns], rows, owner, item, key)
        texts = [self._fill_pattern(n, patterns[n], owner[r], key[r], nested) for n, r in enumerate(rows)]
        return restore_order(texts, rows)

    def _write_nested(
        self, patterns: list[list[str]], rows: list[Ints], owner: U64, item: U64, key: U64
    ) -> dict[tuple[int, int], pl.Series]:
        """Write the texts of all slots that stand for a kind, each kind once for all patterns."""
        slots_of: dict[str, list[tuple[int, int]]] = {}
        for number, pieces in enumerate(patterns):
            for position in range(1, len(pieces), 2):
                if pieces[position] in PATTERNS or pieces[position] in PROSE or pieces[position] == "name":
                    slots_of.setdefault(pieces[position], []).append((number, position))
        texts_at: dict[tuple[int, int], pl.Series] = {}
        for kind, slots in slots_of.items():
            nested_rows = np.concatenate([rows[number] for number, _ in slots])
            salt = np.repeat([position + 1 for _, position in slots], [len(rows[number]) for number, _ in slots])
            texts = self._fill(kind, owner[nested_rows], item[nested_rows], keyed(key[nested_rows], salt))
            offset = 0
            for number, position in slots:
                texts_at[number, position] = texts.slice(offset, len(rows[number]))
                offset += len(rows[number])
        return texts_at

    def _fill_pattern(
        self, number: int, pattern: str, owner: U64, key: U64, nested: dict[tuple[int, int], pl.Series]
    ) -> pl.Series:
        if not len(owner):
            return pl.Series([], dtype=pl.String)
        parts: list[pl.Series | str] = []
        for position, piece in enumerate(_SLOT.split(pattern)):
            if (number, position) in nested:
                parts.append(nested[number, position])
            elif position % 2:
                parts.append(self._choose_words(piece, owner, key, position))
            elif piece:
                parts.append(piece.replace("{{", "{").replace("}}", "}"))
        return glue(*parts)

    def _choose_words(self, slot: str, owner: U64, key: U64, position: int) -> pl.Series:
        if slot.startswith("my_"):
            words = word_list(slot[3:])
            return take(words, below(keyed(owner, _salt(slot), self._seed), len(words)))
        words = word_list(slot)
        return take(words, below(keyed(key, position), len(words)))


def restore_order(texts: list[pl.Series], rows: list[Ints]) -> pl.Series:
    """Put texts that were written for groups of rows back into the order of the rows.

    Together the groups hold every row once.
    """
    order = np.concatenate([np.asarray(r, dtype=np.int64) for r in rows])
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return take(pl.concat([t.alias("text").cast(pl.String) for t in texts]), back)


def write_by_option(chosen: Ints, options: int, write: Callable[[int, Ints], pl.Series]) -> pl.Series:
    """Write the rows of each option with `write(option, rows)`, and put them back into their order."""
    rows = [np.flatnonzero(chosen == option) for option in range(options)]
    return restore_order([write(option, chosen_rows) for option, chosen_rows in enumerate(rows)], rows)
