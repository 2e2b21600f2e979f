"""Draw how long requests and answers are, in tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulation.constants.measured_constants import TOKENS
from simulation.draws import Flags, Floats, Ints

CHARS_PER_TOKEN = 4.1  # English prose under common byte-pair vocabularies; assumed


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of inputs and answers: measured, or medians and sigmas of log-normals.

    Measured inputs include the visible text; the log-normal `context` comes on top of it.
    """

    context: float = 0.0
    context_spread: float = 0.0
    answer: float = 0.0
    answer_spread: float = 0.0
    cached: float = 0.0  # share of the context read from the cache
    measured: str | None = None  # key of TOKENS and, where pools are given, of the pool of real pairs


# The measured ones are those of `measured_constants.py`; the others are assumed.
LENGTHS: Mapping[str, Lengths] = {
    "chat": Lengths(measured="azure_conv"),
    "code": Lengths(measured="azure_code"),
    "agent": Lengths(measured="agentic", cached=0.93),
    "rag": Lengths(measured="rag"),
    "service": Lengths(measured="servegen"),
    "batch": Lengths(context=20.0, context_spread=0.8, answer=60.0, answer_spread=0.9),
    "judge": Lengths(context=20.0, context_spread=0.8, answer=120.0, answer_spread=0.9),
    "short": Lengths(context=20.0, context_spread=0.8, answer=25.0, answer_spread=1.1),
    "long": Lengths(context=60.0, context_spread=1.0, answer=420.0, answer_spread=0.8),
    "work": Lengths(context=60.0, context_spread=1.0, answer=280.0, answer_spread=0.9),
}

CACHED: Floats = np.array([k.cached for k in LENGTHS.values()])

Pairs = Mapping[str, tuple[Floats, Floats]]


def draw_lengths(kind: Ints, pairs: Pairs, rng: np.random.Generator) -> tuple[Floats, Floats, Flags]:
    """Draw tokens of context and answer by position in LENGTHS.

    They come from measured pairs (with jitter) if there are any, else from measured quantiles, else from log-normals.

    Returns:
        Context, answer, and whether the context includes the visible text.
    """
    first, second = rng.normal(0.0, 1.0, (2, len(kind)))
    context, answer = np.empty(len(kind)), np.empty(len(kind))
    whole = np.zeros(len(kind), dtype=bool)
    for number, lengths in enumerate(LENGTHS.values()):
        rows = np.flatnonzero(kind == number)
        if lengths.measured is None:
            context[rows] = lengths.context * np.exp(lengths.context_spread * first[rows])
            answer[rows] = lengths.answer * np.exp(lengths.answer_spread * second[rows])
            continue
        whole[rows] = True
        pool = pairs.get(lengths.measured)
        if pool is None:
            context[rows], answer[rows] = TOKENS[lengths.measured].pairs(first[rows], second[rows])
        else:
            drawn = rng.integers(0, len(pool[0]), len(rows))
            context[rows] = pool[0][drawn] * rng.uniform(0.9, 1.1, len(rows))
            answer[rows] = pool[1][drawn] * rng.uniform(0.85, 1.15, len(rows))
    return context, answer, whole
