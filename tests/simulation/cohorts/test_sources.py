"""What is said of a cohort's sources is what its keys draw from."""

import pytest

from simulation.cohorts import COHORTS
from simulation.cohorts.sources import POOLED, describe_sources
from simulation.constants.measured_constants import GAPS, TOKENS, TRACES
from simulation.texts.patterns import PATTERNS
from simulation.traffic.lengths import LENGTHS
from simulation.traffic.rhythm import RHYTHMS


@pytest.mark.parametrize(
    ("cohort", "description"),
    [
        ("chat", "lengths: Azure conversation 2023; with pools only chat: prompts_benign; the rest assumed"),
        ("audit_capture", "with pools only hours of the week: ServeGen; the rest assumed"),
        ("red_teams", "lengths: Azure conversation 2023; gaps: Azure 2023, thinned; the rest assumed"),
        ("drift_monitors", "assumed"),
    ],
)
def test_the_source_says_what_holds_with_and_without_pools(cohort: str, description: str) -> None:
    assert describe_sources(COHORTS[cohort]) == description


def test_everything_that_is_called_measured_has_constants_and_a_name() -> None:
    lengths = {kind.measured for kind in LENGTHS.values() if kind.measured}
    rhythms = {kind.measured for kind in RHYTHMS.values() if kind.measured}
    assert lengths == set(TOKENS)
    assert rhythms - set(GAPS) == {"servegen"}  # of which only the hours of the week are used
    assert lengths | rhythms == set(TRACES)
    assert set(POOLED) <= set(PATTERNS)
