"""The description of a campaign family: a template with slots, and how long the answers are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

_SLOT = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"<<(.*?)>>", re.DOTALL)

# words a paraphraser would swap without changing what is asked for
_SWAPS: tuple[tuple[str, ...], ...] = (
    ("diverse", "varied", "different"),
    ("instruction", "request", "task"),
    ("Create", "Produce", "Write"),
    ("detailed", "thorough", "careful"),
    ("provide", "give", "supply"),
    ("challenging", "demanding", "difficult"),
    ("following", "below", "given"),
    ("reasoning", "thinking", "rationale"),
    ("Evaluate", "Assess", "Judge"),
    ("helpful", "useful"),
    ("answer", "reply", "response"),
    ("example", "sample", "instance"),
    ("clear", "plain"),
    ("question", "query"),
    ("Rate", "Grade", "Score"),
    ("complete", "full"),
    ("Do not", "Don't", "Never"),
)
_PREFACES = (
    "",
    "",
    "Please do the following.\n",
    "Work carefully.\n",
    "You will be given some material.\n",
    "Read it all first.\n",
    "This is a routine job.\n",
    "Keep to the format.\n",
    "Here is the next one.\n",
    "Same procedure as before.\n",
)


@dataclass(frozen=True, slots=True)
class Family:
    """One way of extracting a model.

    `wrapper` is the template, with {slots} (kinds of text) and choices such as <<first|second|third>>.
    """

    name: str
    wrapper: str
    system: tuple[str, ...] = ("",)
    lengths: str = "long"  # key of lengths.LENGTHS
    tools: tuple[int, int] = (0, 0)
    fills: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # closed lists for slots of that name

    def slots(self) -> tuple[str, ...]:
        """The names of the slots, in order."""
        return tuple(_SLOT.findall(self.wrapper))

    def versions(self, count: int, rng: np.random.Generator) -> list[list[str]]:
        """Draw `count` wordings of the template.

        The first is the template as written; later ones differ in the choices, in swapped words and in a first line.

        Returns:
            For each wording the texts before, between and after the slots.
        """
        return [_SLOT.split(_reworded(self.wrapper, number, rng))[::2] for number in range(count)]


def _reworded(text: str, number: int, rng: np.random.Generator) -> str:
    parts = _CHOICE.split(text)
    options = [p.split("|") for p in parts[1::2]]
    parts[1::2] = [o[0] if number == 0 else o[rng.integers(len(o))] for o in options]
    chosen = "".join(parts)
    if number == 0:
        return chosen
    pieces = re.split(r"(\{\w+\})", chosen)
    pieces[::2] = [_swapped(piece, rng) for piece in pieces[::2]]
    return _PREFACES[rng.integers(len(_PREFACES))] + "".join(pieces)


def _swapped(piece: str, rng: np.random.Generator) -> str:
    for words in _SWAPS:
        if rng.random() < 0.6:
            piece = piece.replace(words[0], words[rng.integers(len(words))])
    return piece
