"""Honest cohorts. To add one, write a `Cohort` into the tuple of the file it fits; nothing else is needed."""

from collections.abc import Mapping

from pipelines.simulate.cohorts.base import Cohort
from pipelines.simulate.cohorts.machines import MACHINES
from pipelines.simulate.cohorts.people import PEOPLE
from pipelines.simulate.cohorts.resemblers import RESEMBLERS

COHORTS: Mapping[str, Cohort] = {c.name: c for c in (*PEOPLE, *MACHINES, *RESEMBLERS)}

__all__ = ["COHORTS", "Cohort"]
