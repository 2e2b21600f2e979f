"""How long requests and answers are, in tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipelines.simulate.codes import Flags, Floats, Ints

CHARS_PER_TOKEN = 4.1  # English prose under common byte-pair vocabularies; assumed


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of context besides the visible text, and of the answer: medians and sigmas of log-normals."""

    context: float
    context_spread: float
    answer: float
    answer_spread: float
    cached: float = 0.0  # share of the context read from the cache
    measured: str | None = None  # pool of real pairs, where pools are given


# source: medians of Azure conv and code 2023, of the agentic and RAG traces and of ServeGen's clients;
# others assumed
LENGTHS: Mapping[str, Lengths] = {
    "chat": Lengths(300.0, 1.3, 180.0, 0.9, measured="azure_conv"),
    "code": Lengths(1200.0, 1.1, 160.0, 1.0, measured="azure_code"),
    "agent": Lengths(60_000.0, 0.7, 190.0, 1.1, cached=0.93, measured="agentic"),
    "rag": Lengths(1900.0, 0.6, 160.0, 0.8, measured="rag"),
    "service": Lengths(500.0, 0.8, 150.0, 0.9, measured="servegen"),
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

    Measured pairs where there are (jittered; they count the whole input), else log-normal.
    """
    table = [(k.context, k.context_spread, k.answer, k.answer_spread) for k in LENGTHS.values()]
    middle, wide, told, breadth = np.array(table).T
    context = middle[kind] * np.exp(wide[kind] * rng.normal(0.0, 1.0, len(kind)))
    answer = told[kind] * np.exp(breadth[kind] * rng.normal(0.0, 1.0, len(kind)))
    whole = np.zeros(len(kind), dtype=bool)
    for number, lengths in enumerate(LENGTHS.values()):
        pool = pairs.get(lengths.measured or "")
        if pool is not None:
            rows = np.flatnonzero(kind == number)
            drawn = rng.integers(0, len(pool[0]), len(rows))
            context[rows] = pool[0][drawn] * rng.uniform(0.9, 1.1, len(rows))
            answer[rows] = pool[1][drawn] * rng.uniform(0.85, 1.15, len(rows))
            whole[rows] = True
    return context, answer, whole
