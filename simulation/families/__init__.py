"""Campaign families. To add one, write a `Family` into a tuple of `written.py`; nothing else is needed."""

from collections.abc import Mapping
from pathlib import Path

from simulation.families.base import Family
from simulation.families.published import published
from simulation.families.written import UNSEEN, WRITTEN


def families(pools: Path | None) -> Mapping[str, Family]:
    """All families by name.

    Our own, and those of the published templates and of the judge pool where pools are given.
    """
    extra = [] if pools is None else [*published(pools), Family("reward_judging", "{grading}", lengths="judge")]
    return {f.name: f for f in (*WRITTEN, *UNSEEN, *extra)}


__all__ = ["Family", "families"]
