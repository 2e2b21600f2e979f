"""How long work tells how far it is."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, in [0, 1]."""


def report_part(progress: Progress, step: str, number: int, parts: int) -> Callable[[float], None]:
    """Return what one of several equal parts of a step calls with the share of itself that is done."""
    return lambda done: progress(step, (number + done) / parts)
