"""Templates of random sentences, for planted campaigns unlike any that was disclosed.

The simulator's families say what disclosed campaigns asked for. Nobody knows what the next one will ask for, only that
its requests come from a template and that several accounts send it. So some planted campaigns have a template of
random sentences: of any length, with or without an ending, an example or a system prompt.
"""

import numpy as np

from simulation.families import Family
from simulation.texts.material import Material

# The family of these campaigns. It is part of their stored names, by which campaigns are split into folds: with another
# name every retrained model would change.
NAME = "made_up"
_FILLS = ("seed", "seed", "document", "answer", "code", "support", "rag", "agent", "log", "exam", "homework")
_ORDERS = ("", "Answer: ", "Input: ", "Task:\n", "### Instruction\n", "Question: ", "Text:\n", "1. ", "Q: ", "- ")
_OWNER = (1 << 22) + 1  # owner of the sentences; campaigns' own texts belong to higher numbers


def make_family(number: int, material: Material, seed: int) -> Family:
    """Make the family of one campaign, with a template of its own; the same for the same number and seed."""
    rng = np.random.default_rng([seed, 4, number])
    before, after = int(np.exp(rng.uniform(0.0, 3.0))), int(rng.integers(1, 4)) if rng.random() < 0.4 else 0
    lines = _write_sentences(before + after, number, material, rng)
    slots = rng.choice(_FILLS, int(rng.integers(1, 4)))
    body = "\n\n".join(f"{rng.choice(_ORDERS)}{{{slot}}}" for slot in slots)
    head, tail = _with_choices(lines[:before], rng), _with_choices(lines[before:], rng)
    parts = [part for part in (" ".join(head), body, " ".join(tail)) if part]
    system = (
        tuple(_write_sentences(int(rng.integers(1, 4)), number + (1 << 10), material, rng))
        if rng.random() < 0.3
        else ("",)
    )
    return Family(NAME, "\n".join(parts) if rng.random() < 0.5 else "\n\n".join(parts), system=system)


def _write_sentences(count: int, number: int, material: Material, rng: np.random.Generator) -> list[str]:
    owner = np.full(count, _OWNER + number, dtype=np.uint64)
    items = rng.integers(0, 1 << 30, count).astype(np.uint64)
    kind = str(rng.choice(["fact", "seed", "audit", "synthesis"]))
    return [text.replace("{", "(").replace("}", ")").replace("|", "/") for text in material.write(kind, owner, items)]


def _with_choices(lines: list[str], rng: np.random.Generator) -> list[str]:
    """Give some lines a second wording, so that versions of the template differ."""
    return [f"<<{line}|{' '.join(reversed(line.split()))}>>" if rng.random() < 0.15 else line for line in lines]
