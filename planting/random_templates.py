"""Templates that nobody has published: whatever stays the same while its fillings change.

The families of the simulator say what disclosed campaigns ask for. What the next one asks for is not known; that its
requests are made from a template, and that others send it too, is. So some planted campaigns have a template of random
sentences: any length, with or without an ending, an example or a system prompt.
"""

import numpy as np

from simulation.families import Family
from simulation.texts.material import Material

NAME = "made_up"
_FILLS = ("seed", "seed", "document", "answer", "code", "support", "rag", "agent", "log", "exam", "homework")
_ORDERS = ("", "Answer: ", "Input: ", "Task:\n", "### Instruction\n", "Question: ", "Text:\n", "1. ", "Q: ", "- ")
_OWNER = (1 << 22) + 1  # of the sentences; campaigns' own texts belong to higher numbers


def family(number: int, material: Material, seed: int) -> Family:
    """The template of one campaign; the same for the same number and seed."""
    rng = np.random.default_rng([seed, 4, number])
    before, after = int(np.exp(rng.uniform(0.0, 3.0))), int(rng.integers(1, 4)) if rng.random() < 0.4 else 0
    lines = _sentences(before + after, number, material, rng)
    slots = rng.choice(_FILLS, int(rng.integers(1, 4)))
    body = "\n\n".join(f"{rng.choice(_ORDERS)}{{{slot}}}" for slot in slots)
    head, tail = _choices(lines[:before], rng), _choices(lines[before:], rng)
    parts = [part for part in (" ".join(head), body, " ".join(tail)) if part]
    system = (
        tuple(_sentences(int(rng.integers(1, 4)), number + (1 << 10), material, rng)) if rng.random() < 0.3 else ("",)
    )
    return Family(NAME, "\n".join(parts) if rng.random() < 0.5 else "\n\n".join(parts), system=system)


def _sentences(count: int, number: int, material: Material, rng: np.random.Generator) -> list[str]:
    owner = np.full(count, _OWNER + number, dtype=np.uint64)
    items = rng.integers(0, 1 << 30, count).astype(np.uint64)
    kind = str(rng.choice(["fact", "seed", "audit", "synthesis"]))
    return [text.replace("{", "(").replace("}", ")").replace("|", "/") for text in material.write(kind, owner, items)]


def _choices(lines: list[str], rng: np.random.Generator) -> list[str]:
    """Some of the lines get a second wording, so that versions of the template differ."""
    return [f"<<{line}|{' '.join(reversed(line.split()))}>>" if rng.random() < 0.15 else line for line in lines]
