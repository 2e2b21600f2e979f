"""Real prompts from a folder of pools, in place of the grammar's.

Each owner has a slice of a pool to itself, as far as the pool is large enough. Texts are spliced from the first half of
one prompt of the slice and the second half of another. Those of small pools carry a name that only their owner has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from features.errors import InputError
from simulation.draws import FIRST_OWN_ITEM, U64, Floats, Ints, below, glue, keyed, names, take, unit
from simulation.texts.material import Grammar, Pages, write_by_option

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
# texts before and after the owner's name, below a text of a program; judges take the first
_FRAMES = (("\n\n(", ")"), (" This concerns ", "."), (" - ", ""))


def check_pools(folder: Path) -> None:
    """Raise InputError if the folder lacks a pool."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise InputError(f"The pools folder lacks {', '.join(missing)}: give the folder with the real data to --pools.")


@dataclass(frozen=True, slots=True)
class PromptPool:
    """Prompts in groups that stay together (a conversation, a template); each is cut in two near the middle."""

    head: pl.Series
    tail: pl.Series
    short: tuple[pl.Series, pl.Series]  # head and tail, each without its first two words
    first: Ints  # first row of each group
    size: Ints  # rows of each group

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "PromptPool":
        """Make a pool of columns `group` and `prompt`; repeated prompts count once, groups keep their order."""
        frame = frame.filter(pl.col("prompt").str.len_chars().is_between(8, _LONGEST)).unique(
            "prompt", maintain_order=True
        )
        frame = frame.sort("group", maintain_order=True).with_columns(length=pl.col("prompt").str.len_chars())
        after = pl.col("prompt").str.slice(pl.col("length") // 2).str.find(r"\s").fill_null(0).cast(pl.Int64)
        # `find` counts bytes; for text outside ASCII the cut only moves a little
        cut = (pl.col("length") // 2 + after).clip(0, pl.col("length"))
        parts = frame.select("group", head=pl.col("prompt").str.head(cut), tail=pl.col("prompt").str.slice(cut))
        sizes = parts.group_by("group", maintain_order=True).len()["len"].cast(pl.Int64).to_numpy()
        head, tail = parts["head"], parts["tail"]
        short = [half.str.replace(r"^\s*\S+\s+\S+\s*", "") for half in (head, tail)]
        return cls(head=head, tail=tail, short=(short[0], short[1]), first=np.cumsum(sizes) - sizes, size=sizes)

    def splice(self, group: Ints, head_key: U64, tail_key: U64) -> pl.Series:
        """Join the first half of one prompt of the group and the second half of another, or of the same."""
        first, second = self._rows(group, head_key, tail_key)
        return glue(take(self.head, first), take(self.tail, second))

    def splice_named(self, group: Ints, head_key: U64, tail_key: U64, name: pl.Series) -> pl.Series:
        """Splice with a name in place of two words: the first two, or the first two of the second half."""
        first, second = self._rows(group, head_key, tail_key)
        front = glue(name, " ", take(self.short[0], first), take(self.tail, second))
        inside = glue(take(self.head, first), " ", name, " ", take(self.short[1], second))
        return pl.select(
            pl.when(pl.lit(pl.Series(unit(keyed(head_key, 9)) < 0.5))).then(front).otherwise(inside)
        ).to_series()

    def _rows(self, group: Ints, head_key: U64, tail_key: U64) -> tuple[Ints, Ints]:
        first, second = (self.first[group] + below(keyed(key, 5), self.size[group]) for key in (head_key, tail_key))
        return first, second


def _chunks(prompts: pl.DataFrame, size: int) -> pl.DataFrame:
    """Put the prompts of each source into groups of `size` neighbours."""
    return prompts.with_columns(
        group=pl.col("source") + (pl.int_range(pl.len()).over("source") // size).cast(pl.String).str.zfill(6)
    )


class RealPrompts:
    """`Material` from the pools; the grammar writes the kinds that no pool has."""

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
        self._pools: Mapping[str, PromptPool] = {
            "chat": PromptPool.of(_chunks(talk, 5)),
            "support": PromptPool.of(bank),
            "batch": PromptPool.of(batch.select("prompt", group="template")),
            "judge": PromptPool.of(_chunks(judge.head(200), 8)),
            "grading": PromptPool.of(_chunks(judge.tail(120), 60)),
            "seed": PromptPool.of(_chunks(seeds, 250)),
        }
        self._sentences = _sentences(batch)
        self._pages = Pages(self._sentences[1:].str.strip_chars(), seed)

    def pages(self, key: U64, sentences: Floats) -> pl.Series:
        """Write prose as `Material.pages` says."""
        return self._pages.write(key, sentences)

    def write(self, kind: str, owner: U64, item: U64) -> pl.Series:
        """Write texts as `Material.write` says."""
        if kind in ("passage", "document", "pairs", "answer"):
            return self._write_long(kind, owner, item)
        if kind == "rag":
            return self._write_rag(owner, item)
        if kind == "seed":
            return self._write_bare(kind, owner, item)
        if kind not in self._pools:
            text = self._grammar.write(kind, owner, item)
            return glue(text, self._write_pasted(keyed(owner, item, 15, self._seed))) if kind in _PASTED else text
        return self._write_framed(kind, owner, item)

    def _write_pasted(self, key: U64) -> pl.Series:
        """Write what is pasted below a request: mostly nothing, at times a page."""
        size = np.floor(np.exp(2.0 * np.sqrt(-2.0 * np.log1p(-unit(key))) - 2.2)).astype(np.int64)
        return glue(*(self._write_sentences(keyed(key, part), size - 8 * part) for part in range(3)))

    def _group(self, kind: str, owner: U64, item: U64) -> Ints:
        """The owner's group: owners take the groups in turn, and campaigns use eight groups of seeds."""
        groups = len(self._pools[kind].first)
        turn = below(keyed(item, 3), 8) if kind == "seed" else np.zeros(len(owner), dtype=np.int64)
        return np.asarray((owner.astype(np.int64) + turn * 7) % groups)

    def _write_bare(self, kind: str, owner: U64, item: U64) -> pl.Series:
        """Write a prompt of the pool unchanged; for items that are never shared, splice two prompts."""
        key = keyed(owner, item, 11, self._seed)
        tail_key = np.where(item < FIRST_OWN_ITEM, key, keyed(key, 6))
        return self._pools[kind].splice(self._group(kind, owner, item), key, tail_key)

    def _write_framed(self, kind: str, owner: U64, item: U64) -> pl.Series:
        key = keyed(owner, item, 12, self._seed)
        tail_key = np.where(unit(keyed(key, 1)) < 0.5, key, keyed(key, 2))
        group, name = self._group(kind, owner, item), names(owner, item, self._seed)
        if kind in _TYPED:
            return self._pools[kind].splice_named(group, key, tail_key, name)
        text = self._pools[kind].splice(group, key, tail_key)

        def write_frame(number: int, rows: Ints) -> pl.Series:
            before, after = _FRAMES[number]
            return glue(take(text, rows), before, take(name, rows), after)

        frames = len(_FRAMES) if kind == "batch" else 1
        return write_by_option(below(keyed(key, 4), frames), frames, write_frame)

    def _write_sentences(self, key: U64, count: Ints) -> pl.Series:
        """Write `count` (0 to 8) real sentences, each after a blank."""
        parts: list[pl.Series] = []
        for position in range(8):
            rows = np.where(count > position, 1 + below(keyed(key, position, 21), len(self._sentences) - 1), 0)
            parts.append(take(self._sentences, rows))
        return glue(*parts)

    def _write_long(self, kind: str, owner: U64, item: U64) -> pl.Series:
        key = keyed(owner, item, 13, self._seed)
        if kind == "pairs":
            first, second = (self._write_bare("seed", owner, keyed(item, k)) for k in (1, 2))
            return glue(
                "Q: ",
                first,
                "\nA:",
                self._write_sentences(keyed(key, 1), below(key, 3) + 1),
                "\nQ: ",
                second,
                "\nA:",
                self._write_sentences(key, below(key, 3) + 1),
            )
        if kind == "passage":
            return glue(
                self._write_bare("seed", owner, item),
                self._write_sentences(key, below(key, 3)),
                "\n",
                self._write_bare("seed", owner, keyed(item, 2)),
            )
        return glue(names(owner, item, self._seed), ":", self._write_sentences(key, below(key, 4) + 2))

    def _write_rag(self, owner: U64, item: U64) -> pl.Series:
        key = keyed(owner, item, 14, self._seed)
        return glue(
            "Answer from the passages.\n[1]",
            self._write_sentences(key, below(key, 3) + 3),
            "\n[2]",
            self._write_sentences(keyed(key, 1), below(key, 3) + 2),
            "\n\n",
            self._write_framed("support", owner, item),
        )


def _sentences(batch: pl.DataFrame) -> pl.Series:
    """Take the sentences of the batch texts, each with a blank before it; the first entry is empty."""
    parts = batch.select(
        pl.col("prompt").str.tail(pl.col("prompt").str.len_chars() // 2).str.split(". ").list.slice(1).alias("s")
    ).explode("s", empty_as_null=False, keep_nulls=False)
    good = parts.filter(pl.col("s").str.len_chars().is_between(30, 220)).unique("s", maintain_order=True)
    return pl.concat([pl.Series("s", [""]), (" " + good["s"] + ".").alias("s")])
