"""Where texts come from.

`Material` writes texts of a kind for owners and items; here the grammar that needs no data.
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
    """A source of texts."""

    def write(self, kind: str, owner: U64, item: U64) -> pl.Series:
        """One text a row, String.

        Always the same for the same (kind, owner, item), never shared by two owners.
        """
        ...

    def pages(self, key: U64, sentences: Floats) -> pl.Series:
        """Prose of about so many sentences a row."""
        ...


@cache
def table(slot: str) -> pl.Series:
    """The word list of a slot."""
    return pl.Series(LISTS[slot], dtype=pl.String)


@cache
def _salt(word: str) -> int:
    return int.from_bytes(word.encode()[:7].ljust(7, b"_"), "big") ^ len(word)


class Pages:
    """Prose put together from passages of sentences: three passages a text, so that two are hardly ever alike."""

    SIZES = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24)  # sentences of a passage
    _EACH = 500  # passages of a size

    def __init__(self, sentences: pl.Series, seed: int) -> None:
        passages = [pl.Series([""] * self._EACH)]
        for size in self.SIZES[1:]:
            rows = below(keyed(np.arange(self._EACH * size), size, 27, seed), len(sentences))
            lines = pl.DataFrame({"line": take(sentences, rows), "passage": np.arange(len(rows)) // size})
            passages.append(lines.group_by("passage", maintain_order=True).agg(pl.col("line").str.join(" "))["line"])
        self._table = pl.concat([p.alias("") for p in passages])

    def write(self, key: U64, sentences: Floats) -> pl.Series:
        """See `Material.pages`; at most 72 sentences."""
        sizes = np.array(self.SIZES)
        first = np.searchsorted(sizes, np.maximum(sentences, 1.0) / 3.0).clip(1, len(sizes) - 1)
        later = np.searchsorted(sizes, np.maximum(sentences, 1.0) / 3.0 - 0.4).clip(0, len(sizes) - 1)
        parts = [
            take(self._table, size * self._EACH + below(keyed(key, number), self._EACH))
            for number, size in enumerate((first, later, later))
        ]
        return glue(parts[0], " ", parts[1], " ", parts[2])


class Grammar:
    """Texts from patterns and word lists, each slot filled by a keyed mix of owner, item and place."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        lines = np.arange(8_192, dtype=np.uint64)
        self._pages = Pages(self.write("fact", lines, lines), seed)

    def pages(self, key: U64, sentences: Floats) -> pl.Series:
        """See `Material.pages`."""
        return self._pages.write(key, sentences)

    def write(self, kind: str, owner: U64, item: U64) -> pl.Series:
        """See `Material.write`. Kinds are those of `PATTERNS`, and `name`."""
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
        nested = self._nested([_SLOT.split(p) for p in patterns], rows, owner, item, key)
        texts = [self._pattern(n, patterns[n], owner[r], key[r], nested) for n, r in enumerate(rows)]
        return restored(texts, rows)

    def _nested(
        self, patterns: list[list[str]], rows: list[Ints], owner: U64, item: U64, key: U64
    ) -> dict[tuple[int, int], pl.Series]:
        """Texts of all slots that stand for a kind: each kind is written once for all patterns and places."""
        wanted: dict[str, list[tuple[int, int]]] = {}
        for number, pieces in enumerate(patterns):
            for place in range(1, len(pieces), 2):
                if pieces[place] in PATTERNS or pieces[place] in PROSE or pieces[place] == "name":
                    wanted.setdefault(pieces[place], []).append((number, place))
        found: dict[tuple[int, int], pl.Series] = {}
        for kind, places in wanted.items():
            these = np.concatenate([rows[number] for number, _ in places])
            salt = np.repeat([place + 1 for _, place in places], [len(rows[number]) for number, _ in places])
            texts = self._fill(kind, owner[these], item[these], keyed(key[these], salt))
            at = 0
            for number, place in places:
                found[number, place] = texts.slice(at, len(rows[number]))
                at += len(rows[number])
        return found

    def _pattern(
        self, number: int, pattern: str, owner: U64, key: U64, nested: dict[tuple[int, int], pl.Series]
    ) -> pl.Series:
        if not len(owner):
            return pl.Series([], dtype=pl.String)
        parts: list[pl.Series | str] = []
        for place, piece in enumerate(_SLOT.split(pattern)):
            if (number, place) in nested:
                parts.append(nested[number, place])
            elif place % 2:
                parts.append(self._word(piece, owner, key, place))
            elif piece:
                parts.append(piece.replace("{{", "{").replace("}}", "}"))
        return glue(*parts)

    def _word(self, slot: str, owner: U64, key: U64, place: int) -> pl.Series:
        if slot.startswith("my_"):
            words = table(slot[3:])
            return take(words, below(keyed(owner, _salt(slot), self._seed), len(words)))
        words = table(slot)
        return take(words, below(keyed(key, place), len(words)))


def restored(texts: list[pl.Series], rows: list[Ints]) -> pl.Series:
    """Texts written for groups of rows, put back in the order of the rows.

    Together the groups hold every row once.
    """
    order = np.concatenate([np.asarray(r, dtype=np.int64) for r in rows])
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return take(pl.concat([t.alias("text").cast(pl.String) for t in texts]), back)


def by_choice(chosen: Ints, options: int, one: Callable[[int, Ints], pl.Series]) -> pl.Series:
    """Rows written option by option and put back in their order."""
    rows = [np.flatnonzero(chosen == k) for k in range(options)]
    return restored([one(k, r) for k, r in enumerate(rows)], rows)
