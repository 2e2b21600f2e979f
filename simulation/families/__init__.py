"""Campaign families: what the prompts of a campaign ask for.

To add one, write a `Family` into the tuple WRITTEN of `written.py`, or into UNSEEN if it is only to test on. The
manifest `read_families` lists these tuples, so nothing else changes: any campaign of a scenario may then name the
family, and planting takes all of WRITTEN.
"""

from collections.abc import Mapping
from pathlib import Path

from simulation.families.base import Family
from simulation.families.published import read_published
from simulation.families.written import UNSEEN, WRITTEN


def read_families(pools: Path | None) -> Mapping[str, Family]:
    """Read all families, by name.

    These are our own and, with a folder of pools, those of the published templates and of the judge pool.
    """
    extra = [] if pools is None else [*read_published(pools), Family("reward_judging", "{grading}", lengths="judge")]
    return {family.name: family for family in (*WRITTEN, *UNSEEN, *extra)}


__all__ = ["Family", "read_families"]
