"""Simulated honest cohorts stay near what was measured."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.simulate import simulate
from pipelines.simulate.realism import Sample, samples

POOLS = Path(__file__).parents[4] / "shared" / "data"


def test_the_distance_of_a_sample_to_itself_is_zero_and_to_another_world_one() -> None:
    values = np.arange(100.0)
    assert Sample("a", "log gaps", "b", values, values).distance == 0.0
    assert Sample("a", "log gaps", "b", values, values + 1_000.0).distance == 1.0
    assert Sample("a", "share", "b", np.array([0.5]), np.array([0.7])).distance == pytest.approx(0.2)


@pytest.mark.skipif(not POOLS.is_dir(), reason="the real data of ../shared/data is not at hand")
def test_cohorts_with_a_measured_source_are_near_it(tmp_path: Path) -> None:
    simulate("small", tmp_path, scale=0.5, pools=POOLS, days=14)
    found = samples(tmp_path, POOLS)
    assert {s.what for s in found} >= {"log gaps", "input tokens", "output tokens", "distinct first five words"}
    assert max(s.distance for s in found) < 0.55
    by = {(s.cohort, s.what): s.distance for s in found}
    assert by["agentic_coders", "log gaps"] < 0.3
    assert by["developers", "input tokens"] < 0.15
