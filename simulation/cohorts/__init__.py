"""Honest cohorts. To add one, write a `Cohort` into the tuple of the file it fits; nothing else is needed."""

from collections.abc import Mapping

from simulation.cohorts.base import Cohort
from simulation.cohorts.machines import MACHINES
from simulation.cohorts.people import PEOPLE
from simulation.cohorts.resemblers import RESEMBLERS

COHORTS: Mapping[str, Cohort] = {c.name: c for c in (*PEOPLE, *MACHINES, *RESEMBLERS)}

__all__ = ["COHORTS", "Cohort"]
