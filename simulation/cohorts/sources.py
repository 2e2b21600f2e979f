"""Say which values of a cohort were measured; its shares, rates, plans and all else are assumed."""

from collections.abc import Mapping

from simulation.cohorts.base import Cohort
from simulation.constants.measured_constants import GAPS, TRACES
from simulation.traffic.lengths import LENGTHS
from simulation.traffic.rhythm import RHYTHMS

# kinds of text that the pools hold (see `texts/pools.py`); the grammar writes all others
POOLED: Mapping[str, str] = {
    "chat": "prompts_benign",
    "support": "banking77 of prompts_benign",
    "batch": "prompts_batch_templates",
    "judge": "prompts_judge",
    "rag": "sentences of prompts_batch_templates",
}


def describe_sources(cohort: Cohort) -> str:
    """Say what of the cohort was measured: in every world (`measured_constants.py`), and in worlds with pools."""
    lengths, rhythm = LENGTHS[cohort.lengths].measured, RHYTHMS[cohort.rhythm].measured
    always = [f"lengths: {TRACES[lengths]}"] if lengths else []
    always += [f"gaps: {TRACES[rhythm]}"] if rhythm and rhythm in GAPS else []
    pooled = [f"hours of the week: {TRACES[rhythm]}"] if rhythm and rhythm not in GAPS else []
    pooled += [f"{kind}: {POOLED[kind]}" for kind in cohort.writes if kind in POOLED]
    parts = ["; ".join(always)] if always else []
    parts += [f"with pools only {', '.join(pooled)}"] if pooled else []
    return "; ".join([*parts, "the rest assumed"]) if parts else "assumed"
