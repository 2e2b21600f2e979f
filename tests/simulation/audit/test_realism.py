"""Simulated honest cohorts stay near what was measured."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from simulation import SimulationRequest, simulate
from simulation.audit.realism import CohortComparison, compare_cohorts
from simulation.audit.split_pools import split_pools
from simulation.constants import pool_rhythms
from simulation.constants.measured_constants import GAPS, TOKENS


def test_the_distance_of_a_sample_to_itself_is_zero_and_to_another_world_one() -> None:
    values = np.arange(100.0)
    assert (
        CohortComparison(cohort="a", measure="log gaps", source="b", simulated=values, observed=values).distance == 0.0
    )
    assert (
        CohortComparison(
            cohort="a", measure="log gaps", source="b", simulated=values, observed=values + 1_000.0
        ).distance
        == 1.0
    )
    assert CohortComparison(
        cohort="a", measure="share", source="b", simulated=np.array([0.5]), observed=np.array([0.7])
    ).distance == pytest.approx(0.2)


@pytest.fixture(scope="module")
def half_pools(pools: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return split_pools(pools, tmp_path_factory.mktemp("pools"))


@pytest.mark.parametrize("with_pools", [pytest.param(False, marks=pytest.mark.slow), True])
def test_cohorts_with_a_measured_source_are_near_it(
    half_pools: tuple[Path, Path], with_pools: bool, tmp_path: Path
) -> None:
    make, judge = half_pools
    simulate(SimulationRequest(scenario="small", out=tmp_path, scale=0.5, pools=make if with_pools else None, days=14))
    comparisons = compare_cohorts(tmp_path, judge)
    kinds = {"log gaps", "input tokens", "output tokens", "characters", "distinct first five words"}
    assert {s.measure for s in comparisons} >= kinds
    assert max(s.distance for s in comparisons) < 0.45
    by = {(s.cohort, s.measure): s.distance for s in comparisons}
    assert by["agentic_coders", "log gaps"] < 0.3
    assert by["developers", "input tokens"] < 0.15


def test_halves_share_no_conversation_client_or_session(pools: Path, half_pools: tuple[Path, Path]) -> None:
    for name, unit_columns in (
        ("prompts_benign", ["source", "group"]),
        ("prompts_batch_templates", ["template"]),
        ("tokens_servegen_clients", ["model", "client"]),
        ("sessions_agentic_coding", ["trace_id"]),
        ("sessions_rag_service", ["session_id"]),
    ):
        making, judging = (pl.read_parquet(half / f"{name}.parquet") for half in half_pools)
        assert making.height + judging.height == pl.read_parquet(pools / f"{name}.parquet").height
        assert min(making.height, judging.height) > 0.4 * max(making.height, judging.height)
        assert making.join(judging, on=unit_columns, how="semi", nulls_equal=True).height == 0


def test_the_committed_quantiles_are_those_of_the_half_that_makes(half_pools: tuple[Path, Path]) -> None:
    assert pool_rhythms.fit_constants(half_pools[0]) == (TOKENS, GAPS)
