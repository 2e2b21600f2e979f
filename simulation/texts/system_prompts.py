"""Write the system prompts of ordinary requests, as the cohort's habit is."""

import numpy as np
import polars as pl

from simulation.accounts import DrawnAccounts
from simulation.cohorts import Cohort
from simulation.draws import below, keyed, take
from simulation.texts.material import Material
from simulation.texts.patterns import HARNESS_SYSTEM, POPULAR_SYSTEM


def standing_system_prompts(cohort: Cohort, accounts: DrawnAccounts, material: Material) -> pl.Series:
    """The system prompt of each account: its own, its harness's, a popular one, or null."""
    if cohort.system == "own":
        team = accounts.team if "system" in cohort.common else accounts.number
        return material.write("persona", team.astype(np.uint64), np.zeros(len(team), dtype=np.uint64)).alias("system")
    if cohort.system == "harness":
        table = pl.Series("system", HARNESS_SYSTEM)
        return take(table, np.maximum(accounts.client, 0) % len(table))
    words = [None, None, *POPULAR_SYSTEM] if cohort.system == "popular" else [None]
    popular = pl.Series("system", words, dtype=pl.String)
    return take(popular, below(keyed(accounts.number, 415), len(popular)))
