"""No single raw column betrays a campaign, and the check would notice."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from simulation import SimulationRequest, simulate
from simulation.audit.single_column import MAX_AUC, column_aucs, limited_rows, volume_weights


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world") / "small"
    simulate(SimulationRequest(scenario="small", out=out, scale=1.2, days=10))
    return out


def test_no_single_column_betrays_a_campaign_of_the_small_world(world: Path) -> None:
    aucs = limited_rows(column_aucs(world))
    assert aucs["family"].n_unique() >= 5
    assert aucs.filter(pl.col("auc") >= MAX_AUC).rows() == []


def test_a_planted_give_away_is_found(world: Path, tmp_path: Path) -> None:
    in_campaign = pl.read_parquet(world / "truth.parquet").filter("label")["account_id"].implode()
    (tmp_path / "requests").mkdir()
    requests = pl.read_parquet(world / "requests" / "*.parquet")
    marked = (
        pl.when(pl.col("account_id").is_in(in_campaign)).then(pl.lit(77, pl.UInt32)).otherwise(pl.col("max_tokens"))
    )
    requests.with_columns(marked.alias("max_tokens")).write_parquet(tmp_path / "requests" / "all.parquet")
    for name in ("accounts", "truth"):
        pl.read_parquet(world / f"{name}.parquet").write_parquet(tmp_path / f"{name}.parquet")
    worst = column_aucs(tmp_path).filter(pl.col("family") == "all").row(0, named=True)
    assert worst["column"] == "max_tokens"
    assert worst["auc"] > 0.97


def test_weights_make_the_volumes_alike() -> None:
    rng = np.random.default_rng(1)
    volume = np.concatenate([rng.normal(8.0, 1.0, 200), rng.normal(5.0, 2.0, 2_000)])
    in_campaign = np.arange(2_200) < 200
    weight = volume_weights(np.maximum(volume, 0.0), in_campaign, ~in_campaign)
    means = [np.average(volume[side], weights=weight[side]) for side in (in_campaign, ~in_campaign)]
    assert abs(means[0] - means[1]) < 0.1
