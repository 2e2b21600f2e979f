"""Honest cohorts: the kinds of ordinary customers of a simulated world.

To add one, write a `Cohort` into the tuple of the file that it fits: `people.py` (persons at a keyboard), `machines.py`
(programs) or `resemblers.py` (honest work that looks like a campaign). COHORTS, the manifest below, lists these
tuples, so nothing else changes: every scenario that takes all cohorts then has it. A new file of cohorts is one more
name in the manifest. A misspelt word in a cohort is refused on import.
"""

from collections.abc import Mapping

from simulation.cohorts.base import Cohort
from simulation.cohorts.machines import MACHINES
from simulation.cohorts.people import PEOPLE
from simulation.cohorts.resemblers import RESEMBLERS

COHORTS: Mapping[str, Cohort] = {cohort.name: cohort for cohort in (*PEOPLE, *MACHINES, *RESEMBLERS)}

__all__ = ["COHORTS", "Cohort"]
