"""Three ways to one account's features, and the same bits on each: offline read, online read, endpoint."""

import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.accounts import read_out
from features.catalogue import FEATURE_NAMES
from features.lake import Lake
from features.store.last_active import active_times
from features.store.lookup import FeatureLookup
from serving.package import last_packaged
from training.models import model as models

Ask = Callable[[list[str]], dict[str, Any]]
CHUNK = 1_000


def bits(matrix: np.ndarray) -> np.ndarray:
    """Bit patterns, with one pattern for everything unknown."""
    plain = np.ascontiguousarray(matrix, dtype=np.float32)
    return np.where(np.isnan(plain), np.float32(np.nan), plain).view(np.uint32)


def matrix_of(features: pl.DataFrame) -> np.ndarray:
    return features.select(pl.col(FEATURE_NAMES).fill_null(float("nan"))).to_numpy()


@pytest.fixture(scope="module")
def offline(filled_workspace: Path, scores: pl.DataFrame) -> pl.DataFrame:
    """The features of every scored account by Feast's point-in-time join."""
    return FeatureLookup(filled_workspace / "features").historical(scores.select("account_id", "as_of"))


@pytest.fixture(scope="module")
def online(filled_workspace: Path, scores: pl.DataFrame) -> tuple[np.ndarray, list[datetime | None]]:
    return FeatureLookup(filled_workspace / "features").online(scores["account_id"].to_list())[:2]


def test_offline_and_online_reads_give_the_same_bits(
    offline: pl.DataFrame, online: tuple[np.ndarray, list[datetime | None]], as_of: datetime
) -> None:
    matrix, times = online
    assert matrix.shape == (len(offline), len(FEATURE_NAMES))
    assert len(offline) >= 1_000
    assert set(times) == {as_of.replace(microsecond=0)}  # Feast's online times are full seconds
    np.testing.assert_array_equal(bits(matrix), bits(matrix_of(offline)))
    assert np.isfinite(matrix).mean() > 0.5, "nearly nothing is known, so the comparison says little"


def test_the_feature_store_gives_back_what_was_read_out_of_the_lake_when_each_account_was_last_active(
    filled_workspace: Path, offline: pl.DataFrame, as_of: datetime
) -> None:
    lake = Lake(filled_workspace / "lake")
    times = active_times(lake.seen(as_of), as_of)
    assert times["active_at"].n_unique() > 1, "nobody has fallen silent, so the test says little"
    for (time,), accounts in times.group_by("active_at"):
        fresh, stored = (
            frame.join(accounts, on="account_id", how="semi").sort("account_id")
            for frame in (read_out(lake, time), offline)
        )
        assert fresh["account_id"].to_list() == stored["account_id"].to_list()
        np.testing.assert_array_equal(bits(matrix_of(fresh)), bits(matrix_of(stored)))


def test_the_batch_score_is_the_packaged_model_on_the_online_features(
    filled_workspace: Path, online: tuple[np.ndarray, list[datetime | None]], scores: pl.DataFrame
) -> None:
    model = models.load(last_packaged(filled_workspace / "bento") / "src" / "model")
    lift = FeatureLookup(filled_workspace / "features").online(scores["account_id"].to_list()).lift
    assert (lift != 0).sum() > 30, "hardly anybody is in a group, so the comparison says little"
    assert model.predict(online[0], lift).tolist() == scores["risk"].to_list()


def test_the_endpoint_gives_every_number_and_word_of_the_batch_score(
    ask: Ask, scores: pl.DataFrame, as_of: datetime
) -> None:
    ids = scores["account_id"].to_list()
    answers = [score for i in range(0, len(ids), CHUNK) for score in ask(ids[i : i + CHUNK])["scores"]]
    assert [score["account_id"] for score in answers] == ids
    risks = [struct.pack("<d", score["risk"]) for score in answers]
    assert risks == [struct.pack("<d", risk) for risk in scores["risk"]]
    for column in ("campaign_id", "reasons", "level", "percentile", "indicators"):
        assert [score[column] for score in answers] == scores[column].to_list(), column
    assert {datetime.fromisoformat(score["features_as_of"]) for score in answers} == {as_of.replace(microsecond=0)}


def test_one_account_alone_gets_the_risk_it_gets_among_others(ask: Ask, scores: pl.DataFrame) -> None:
    """Single calls take another path through the service than calls for many."""
    picked = pl.concat([scores.sort("risk").tail(5), scores.sort("risk").head(5), scores.sample(10, seed=1)])
    columns = ["risk", "level", "percentile", "reasons", "indicators"]
    for account, *row in picked.select("account_id", *columns).iter_rows():
        answer = ask([account])["scores"][0]
        assert [answer[column] for column in columns] == row
