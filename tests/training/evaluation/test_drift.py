"""Drift: histograms that see what moved and stay calm where nothing did, and figures without labels."""

import math
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import average_precision_score

from features.catalogue import FEATURES
from training.evaluation.drift import (
    HALF,
    Drift,
    DriftLimits,
    Expectation,
    Reference,
    Shift,
    distance,
    expect,
    filling_features,
    make_reference,
    measure_drift,
    objections,
    psi,
)

counts = arrays.arrays(np.int64, 12, elements=st.integers(0, 10_000)).filter(lambda drawn: drawn.sum() > 0)
CALM = Expectation(accounts=1000, flagged=10, precision=0.9, recall=0.8, pr_auc=0.85)


def frame(values: dict[str, np.ndarray]) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(column, dtype=pl.Float32) for name, column in values.items()})


def learned(values: dict[str, np.ndarray]) -> Reference:
    return make_reference(frame(values), list(values), schema_version="s", expected=CALM)


def shift(before: np.ndarray, after: np.ndarray) -> Shift:
    (moved,) = measure_drift(learned({"x": before}), frame({"x": after}), CALM).shifts
    return moved


@given(counts, counts)
def test_the_distance_is_scipys(before: np.ndarray, after: np.ndarray) -> None:
    assert distance(before, after) == pytest.approx(jensenshannon(before, after, base=2), abs=1e-7)


@given(counts, counts)
def test_the_index_is_the_sum_of_share_differences_times_log_ratios(before: np.ndarray, after: np.ndarray) -> None:
    p = [(n + HALF) / (before.sum() + HALF * 12) for n in before.tolist()]
    q = [(n + HALF) / (after.sum() + HALF * 12) for n in after.tolist()]
    plain = math.fsum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    assert psi(before, after) == pytest.approx(plain, abs=1e-12)


@given(counts, counts)
def test_both_measures_are_symmetric_and_zero_only_for_equal_shares(before: np.ndarray, after: np.ndarray) -> None:
    for measured in (psi, distance):
        assert measured(before, after) == pytest.approx(measured(after, before), abs=1e-9)
        assert measured(before, after) >= 0
        assert measured(before, before) == pytest.approx(0, abs=1e-9)
    assert distance(before, after) <= 1 + 1e-12


@given(arrays.arrays(np.float32, st.integers(1, 300), elements=st.floats(-100, 100, width=32)), st.integers(0, 50))
def test_every_account_is_in_one_bin_and_the_last_bin_counts_the_unknown(finite: np.ndarray, unknown: int) -> None:
    (histogram,) = learned({"x": np.append(finite, np.full(unknown, np.nan))}).histograms
    assert sum(histogram.counts) == finite.size + unknown
    assert histogram.counts[-1] == unknown
    assert len(histogram.counts) == len(histogram.edges) + 2
    assert list(histogram.edges) == sorted(set(histogram.edges))


@given(st.integers(0, 2**32 - 1))
def test_another_sample_of_the_same_accounts_has_not_moved_beyond_chance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moved = shift(rng.lognormal(size=60), rng.lognormal(size=60))
    assume(moved.psi > 0.25)  # which happens, with so few accounts
    assert moved.chance > 0.25


def test_a_constant_that_changes_has_moved() -> None:
    for after in (0.0, 2.0, np.nan):
        moved = shift(np.ones(500), np.full(500, after))
        assert moved.psi > 5
        assert moved.distance > 0.95


def test_a_common_value_that_gets_rarer_has_moved() -> None:
    rng = np.random.default_rng(1)
    before, after = (np.where(rng.random(2000) < share, 5.0, rng.uniform(0, 10, 2000)) for share in (0.5, 0.1))
    assert shift(before, after).psi > 0.25


def test_values_that_become_unknown_have_moved() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=1000)
    moved = shift(values, np.where(rng.random(1000) < 0.6, np.nan, values))
    assert moved.psi > 0.25
    assert moved.distance > 0.2


def test_a_shift_of_two_standard_deviations_has_moved_and_one_of_a_tenth_has_not() -> None:
    rng = np.random.default_rng(3)
    before = rng.normal(size=3000)
    assert shift(before, rng.normal(loc=2, size=3000)).psi > 0.25
    assert shift(before, rng.normal(loc=0.1, size=3000)).psi < 0.05


def windows_filling(days_then: float | None, days_now: float) -> set[str]:
    then = learned({"x": np.ones(1)}).model_copy(update={"history_days": days_then})
    names = filling_features(then, timedelta(days=days_now), FEATURES)
    return {feature.window for feature in FEATURES if feature.name in names}


def test_windows_fill_while_they_hold_more_days_than_when_the_model_learned() -> None:
    assert windows_filling(7, 14) == {"28d", "life"}
    assert windows_filling(3, 5) == {"7d", "28d", "life"}
    assert windows_filling(7, 7.5) == windows_filling(26, 33) == windows_filling(60, 90) == set()
    assert windows_filling(None, 14) == set()


def test_of_a_window_that_fills_only_a_loss_of_values_counts() -> None:
    rng = np.random.default_rng(7)
    values, lost = rng.normal(size=1000), rng.random((2, 1000)) < [[0.2], [0.7]]
    before, worse = (np.where(unknown, np.nan, values) for unknown in lost)

    def moved_by(then: np.ndarray, now: np.ndarray) -> float:
        drift = measure_drift(learned({"x": then}), frame({"x": now}), CALM, filling={"x"})
        assert drift.filling == 1
        return drift.shifts[0].psi

    assert moved_by(before, values + 9) == moved_by(worse, before) == moved_by(before, before) == 0
    assert moved_by(before, worse) > 0.25


def test_nobody_today_has_not_moved_beyond_chance() -> None:
    moved = shift(np.random.default_rng(6).normal(size=400), np.zeros(0))
    assert moved.psi < moved.chance


def test_a_reference_is_plain_text_and_comes_back_equal() -> None:
    rng = np.random.default_rng(4)
    stored = learned({"x": rng.normal(size=200), "y": np.repeat([0.0, 1.0], 100), "z": np.full(200, np.nan)})
    assert Reference.model_validate_json(stored.model_dump_json()) == stored


def test_features_are_found_by_name_whatever_their_order() -> None:
    rng = np.random.default_rng(5)
    now = {"x": rng.normal(size=400), "y": rng.normal(5, 1, size=400)}
    drift = measure_drift(learned(now), frame({"y": now["y"], "x": now["x"]}), CALM)
    assert [round(shift.psi, 9) for shift in drift.shifts] == [0, 0]


def moved(count: int, of: int, now: Expectation = CALM) -> Drift:
    shifts = [Shift(f"f{i}", 1.0 if i < count else 0.0, 0.5 if i < count else 0.0, 0.1) for i in range(of)]
    return Drift(tuple(shifts), CALM, now)


def test_one_feature_alone_is_no_objection_and_many_are_one_that_names_the_furthest() -> None:
    assert list(objections(moved(1, 10), DriftLimits())) == []
    (said,) = objections(moved(4, 10), DriftLimits())
    assert said.startswith(
        "4 of 10 features have moved since the champion learned, more than 15%; the furthest: f0 (PSI"
    )


def test_a_feature_counts_as_moved_only_beyond_both_limits_and_chance() -> None:
    shifts = (
        Shift("a", 0.3, 0.3, 0.1),
        Shift("b", 0.3, 0.1, 0.1),
        Shift("c", 0.2, 0.3, 0.1),
        Shift("d", 0.3, 0.3, 0.4),
    )
    assert [shift.name for shift in Drift(shifts, CALM, CALM).moved(DriftLimits())] == ["a"]


def test_a_model_that_expects_less_of_itself_is_an_objection() -> None:
    unsure = CALM.model_copy(update={"pr_auc": 0.5})
    (said,) = objections(moved(0, 10, unsure), DriftLimits())
    assert said.startswith("By its own risks the champion expects a PR-AUC of 0.50 on today's accounts, 0.85")
    assert list(objections(moved(0, 10, unsure), DriftLimits(loss=0.4))) == []


@pytest.mark.parametrize("seed", range(5))
def test_expected_figures_are_those_that_calibrated_risks_turn_out_to_have(seed: int) -> None:
    rng = np.random.default_rng(seed)
    risk = rng.beta(0.1, 2.0, size=100_000)
    label = rng.random(risk.size) < risk
    expected, flagged = expect(risk, 0.3), risk >= 0.3
    assert expected.flagged == flagged.sum()
    assert expected.precision == pytest.approx(label[flagged].mean(), abs=0.02)
    assert expected.recall == pytest.approx(label[flagged].sum() / label.sum(), abs=0.02)
    assert expected.pr_auc == pytest.approx(average_precision_score(label, risk), abs=0.02)


def test_nothing_is_expected_where_nobody_is_flagged_and_no_risk_is_left() -> None:
    expected = expect(np.zeros(5), 0.5)
    assert (expected.precision, expected.recall, expected.pr_auc) == (None, None, None)
