"""Real prompts from a folder of pools, in place of the grammar's.

Each owner holds a slice of a pool that nobody else holds (as far as the pool reaches); texts are spliced from the
two halves of prompts of that slice, and those of small pools carry a name that only their owner has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from features.errors import InputError
from simulation.draws import U64, WHOLE, Floats, Ints, below, glue, keyed, names, take, unit
from simulation.texts.material import Grammar, Pages, by_choice

FILES = (
    "prompts_benign.parquet",
    "prompts_batch_templates.parquet",
    "prompts_judge.parquet",
    "prompts_extraction_seeds.parquet",
    "rhythm_servegen_clients.parquet",
    "tokens_servegen_clients.parquet",
    "sessions_agentic_coding.parquet",
    "sessions_rag_service.parquet",
    "arrivals_azure_llm_2023.parquet",
)
_TYPED = frozenset({"chat", "support"})  # short texts of people
_PASTED = frozenset({"code", "agent", "office", "homework", "review"})

_LONGEST = 12_000  # characters; longer prompts of the pools are left out
# what stands before and after the owner's name below a text of a program; judges take the first
_FRAMES = (("\n\n(", ")"), (" This concerns ", "."), (" - ", ""))


def check_pools(folder: Path) -> None:
    """Raise InputError where the folder lacks a pool."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise InputError(f"The pools folder lacks {', '.join(missing)}: give the folder with the real data to --pools.")


@dataclass(frozen=True, slots=True)
class Pool:
    """Prompts in groups that stay together (a conversation, a template), each cut in two near the middle."""

    head: pl.Series
    tail: pl.Series
    short: tuple[pl.Series, pl.Series]  # head and tail, each without its first two words
    first: Ints  # first row of each group
    size: Ints  # rows of each group

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "Pool":
        """From columns `group` and `prompt`; prompts are taken once, groups keep their order."""
        frame = frame.filter(pl.col("prompt").str.len_chars().is_between(8, _LONGEST)).unique(
            "prompt", maintain_order=True
        )
        frame = frame.sort("group", maintain_order=True).with_columns(length=pl.col("prompt").str.len_chars())
        after = pl.col("prompt").str.slice(pl.col("length") // 2).str.find(r"\s").fill_null(0).cast(pl.Int64)
        # `find` counts bytes; for text outside ASCII the cut only moves a little
        cut = (pl.col("length") // 2 + after).clip(0, pl.col("length"))
        halves = frame.select("group", head=pl.col("prompt").str.head(cut), tail=pl.col("prompt").str.slice(cut))
        sizes = halves.group_by("group", maintain_order=True).len()["len"].cast(pl.Int64).to_numpy()
        head, tail = halves["head"], halves["tail"]
        short = [half.str.replace(r"^\s*\S+\s+\S+\s*", "") for half in (head, tail)]
        return cls(head, tail, (short[0], short[1]), np.cumsum(sizes) - sizes, sizes)

    def splice(self, group: Ints, one: U64, other: U64) -> pl.Series:
        """The first half of one prompt of the group and the second half of another (or the same)."""
        first, second = self._rows(group, one, other)
        return glue(take(self.head, first), take(self.tail, second))

    def splice_named(self, group: Ints, one: U64, other: U64, name: pl.Series) -> pl.Series:
        """The same with a name in place of two words: of the first ones, or of those where the halves meet."""
        first, second = self._rows(group, one, other)
        front = glue(name, " ", take(self.short[0], first), take(self.tail, second))
        inside = glue(take(self.head, first), " ", name, " ", take(self.short[1], second))
        return pl.select(
            pl.when(pl.lit(pl.Series(unit(keyed(one, 9)) < 0.5))).then(front).otherwise(inside)
        ).to_series()

    def _rows(self, group: Ints, one: U64, other: U64) -> tuple[Ints, Ints]:
        first, second = (self.first[group] + below(keyed(key, 5), self.size[group]) for key in (one, other))
        return first, second


def _chunks(prompts: pl.DataFrame, size: int) -> pl.DataFrame:
    """Prompts of one source in groups of `size` neighbours."""
    return prompts.with_columns(
        group=pl.col("source") + (pl.int_range(pl.len()).over("source") // size).cast(pl.String).str.zfill(6)
    )


class Real:
    """`Material` from the pools; kinds that no pool has are written by the grammar."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._seed = seed
        self._grammar = Grammar(seed)
        benign = pl.read_parquet(folder / FILES[0]).select("source", "prompt", "group")
        talk, bank = (
            benign.filter(pl.col("source") != "banking77"),
            benign.filter(pl.col("source") == "banking77"),
        )
        seeds = pl.read_parquet(folder / FILES[3]).select("source", "prompt")
        judge = pl.read_parquet(folder / FILES[2]).select("source", "prompt")
        batch = pl.read_parquet(folder / FILES[1])
        self._pools: Mapping[str, Pool] = {
            "chat": Pool.of(_chunks(talk, 5)),
            "support": Pool.of(bank),
            "batch": Pool.of(batch.select("prompt", group="template")),
            "judge": Pool.of(_chunks(judge.head(200), 8)),
            "grading": Pool.of(_chunks(judge.tail(120), 60)),
            "seed": Pool.of(_chunks(seeds, 250)),
        }
        self._sentences = _sentences(batch)
        self._pages = Pages(self._sentences[1:].str.strip_chars(), seed)

    def pages(self, key: U64, sentences: Floats) -> pl.Series:
        """See `Material.pages`."""
        return self._pages.write(key, sentences)

    def write(self, kind: str, owner: U64, item: U64) -> pl.Series:
        """See `Material.write`."""
        if kind in ("passage", "document", "pairs", "answer"):
            return self._long(kind, owner, item)
        if kind == "rag":
            return self._rag(owner, item)
        if kind == "seed":
            return self._bare(kind, owner, item)
        if kind not in self._pools:
            text = self._grammar.write(kind, owner, item)
            return glue(text, self._pasted(keyed(owner, item, 15, self._seed))) if kind in _PASTED else text
        return self._framed(kind, owner, item)

    def _pasted(self, key: U64) -> pl.Series:
        """What people and programs paste below a request: mostly nothing, at times a page."""
        size = np.floor(np.exp(2.0 * np.sqrt(-2.0 * np.log1p(-unit(key))) - 2.2)).astype(np.int64)
        return glue(*(self._some(keyed(key, part), size - 8 * part) for part in range(3)))

    def _group(self, kind: str, owner: U64, item: U64) -> Ints:
        """The owner's group: owners are spread over the groups in turn.

        Campaigns roam over eight of the seeds'.
        """
        groups = len(self._pools[kind].first)
        turn = below(keyed(item, 3), 8) if kind == "seed" else np.zeros(len(owner), dtype=np.int64)
        return np.asarray((owner.astype(np.int64) + turn * 7) % groups)

    def _bare(self, kind: str, owner: U64, item: U64) -> pl.Series:
        """A prompt of the pool as it stands; for items beyond those that are shared, of two halves."""
        key = keyed(owner, item, 11, self._seed)
        other = np.where(item < WHOLE, key, keyed(key, 6))
        return self._pools[kind].splice(self._group(kind, owner, item), key, other)

    def _framed(self, kind: str, owner: U64, item: U64) -> pl.Series:
        key = keyed(owner, item, 12, self._seed)
        other = np.where(unit(keyed(key, 1)) < 0.5, key, keyed(key, 2))
        group, name = self._group(kind, owner, item), names(owner, item, self._seed)
        if kind in _TYPED:
            return self._pools[kind].splice_named(group, key, other, name)
        text = self._pools[kind].splice(group, key, other)

        def one(number: int, rows: Ints) -> pl.Series:
            before, after = _FRAMES[number]
            return glue(take(text, rows), before, take(name, rows), after)

        frames = len(_FRAMES) if kind == "batch" else 1
        return by_choice(below(keyed(key, 4), frames), frames, one)

    def _some(self, key: U64, count: Ints) -> pl.Series:
        """`count` (0 to 8) real sentences, each after a blank."""
        parts: list[pl.Series] = []
        for place in range(8):
            rows = np.where(count > place, 1 + below(keyed(key, place, 21), len(self._sentences) - 1), 0)
            parts.append(take(self._sentences, rows))
        return glue(*parts)

    def _long(self, kind: str, owner: U64, item: U64) -> pl.Series:
        key = keyed(owner, item, 13, self._seed)
        if kind == "pairs":
            first, second = (self._bare("seed", owner, keyed(item, k)) for k in (1, 2))
            return glue(
                "Q: ",
                first,
                "\nA:",
                self._some(keyed(key, 1), below(key, 3) + 1),
                "\nQ: ",
                second,
                "\nA:",
                self._some(key, below(key, 3) + 1),
            )
        if kind == "passage":
            return glue(
                self._bare("seed", owner, item),
                self._some(key, below(key, 3)),
                "\n",
                self._bare("seed", owner, keyed(item, 2)),
            )
        return glue(names(owner, item, self._seed), ":", self._some(key, below(key, 4) + 2))

    def _rag(self, owner: U64, item: U64) -> pl.Series:
        key = keyed(owner, item, 14, self._seed)
        return glue(
            "Answer from the passages.\n[1]",
            self._some(key, below(key, 3) + 3),
            "\n[2]",
            self._some(keyed(key, 1), below(key, 3) + 2),
            "\n\n",
            self._framed("support", owner, item),
        )


def _sentences(batch: pl.DataFrame) -> pl.Series:
    """Sentences of the batch texts, each with a blank before it; the first entry is empty."""
    parts = batch.select(
        pl.col("prompt").str.tail(pl.col("prompt").str.len_chars() // 2).str.split(". ").list.slice(1).alias("s")
    ).explode("s", empty_as_null=False, keep_nulls=False)
    good = parts.filter(pl.col("s").str.len_chars().is_between(30, 220)).unique("s", maintain_order=True)
    return pl.concat([pl.Series("s", [""]), (" " + good["s"] + ".").alias("s")])
