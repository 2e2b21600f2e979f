"""How long requests and answers are, in tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulation.constants.measured_constants import TOKENS
from simulation.draws import Flags, Floats, Ints

CHARS_PER_TOKEN = 4.1  # English prose under common byte-pair vocabularies; assumed


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of an input and of the answer: as measured, or medians and sigmas of log-normals.

    What was measured is the whole input; the log-normal `context` is what comes besides the visible text.
    """

    context: float = 0.0
    context_spread: float = 0.0
    answer: float = 0.0
    answer_spread: float = 0.0
    cached: float = 0.0  # share of the context read from the cache
    measured: str | None = None  # key of fitted.TOKENS and, where pools are given, of the pool of real pairs


# source: the measured ones as fitted.py says; the others assumed
LENGTHS: Mapping[str, Lengths] = {
    "chat": Lengths(measured="azure_conv"),
    "code": Lengths(measured="azure_code"),
    "agent": Lengths(measured="agentic", cached=0.93),
    "rag": Lengths(measured="rag"),
    "service": Lengths(measured="servegen"),
    "batch": Lengths(20.0, 0.8, 60.0, 0.9),
    "judge": Lengths(20.0, 0.8, 120.0, 0.9),
    "short": Lengths(20.0, 0.8, 25.0, 1.1),
    "long": Lengths(60.0, 1.0, 420.0, 0.8),
    "work": Lengths(60.0, 1.0, 280.0, 0.9),
}

CACHED: Floats = np.array([k.cached for k in LENGTHS.values()])

Pairs = Mapping[str, tuple[Floats, Floats]]


def draw(kind: Ints, pairs: Pairs, rng: np.random.Generator) -> tuple[Floats, Floats, Flags]:
    """Context and answer tokens by position in LENGTHS, and whether that context holds the visible text too.

    Measured pairs where there are (jittered), else their quantiles, else log-normal.
    """
    one, other = rng.normal(0.0, 1.0, (2, len(kind)))
    context, answer = np.empty(len(kind)), np.empty(len(kind))
    whole = np.zeros(len(kind), dtype=bool)
    for number, lengths in enumerate(LENGTHS.values()):
        rows = np.flatnonzero(kind == number)
        if lengths.measured is None:
            context[rows] = lengths.context * np.exp(lengths.context_spread * one[rows])
            answer[rows] = lengths.answer * np.exp(lengths.answer_spread * other[rows])
            continue
        whole[rows] = True
        pool = pairs.get(lengths.measured)
        if pool is None:
            context[rows], answer[rows] = TOKENS[lengths.measured].pairs(one[rows], other[rows])
        else:
            drawn = rng.integers(0, len(pool[0]), len(rows))
            context[rows] = pool[0][drawn] * rng.uniform(0.9, 1.1, len(rows))
            answer[rows] = pool[1][drawn] * rng.uniform(0.85, 1.15, len(rows))
    return context, answer, whole
