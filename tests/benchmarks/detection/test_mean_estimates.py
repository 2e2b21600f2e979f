"""Means over families: what is drawn for their intervals, and differences of the same draws."""

import numpy as np
import pytest

from benchmarks.detection.mean_estimates import FamilyRisks, mean_differences, mean_estimates


def judged(seed: int, tell: float = 1.0) -> FamilyRisks:
    """Twelve accounts of equal risk among 900 honest ones, as two models see them."""
    rng = np.random.default_rng(seed)
    label = np.arange(912) < 12
    honest = rng.normal(0, 1, 912)
    return FamilyRisks("one", label, {"ours": np.where(label, 1.5, honest), "other": rng.normal(tell * label, 1)})


def test_honest_accounts_are_drawn_once_for_all_families_so_that_many_families_do_not_hide_their_chance() -> None:
    alone, many = (mean_estimates([judged(1)] * count, "ours", 5) for count in (1, 30))
    for estimate in ("pr_auc", "ece"):
        assert alone[estimate].low < alone[estimate].value < alone[estimate].high
        assert (many[estimate].low, many[estimate].high) == pytest.approx((alone[estimate].low, alone[estimate].high))


def test_a_model_gains_nothing_over_itself_and_the_differences_of_two_are_those_of_their_means() -> None:
    some = [judged(seed) for seed in range(4)]
    assert all((f.value, f.low, f.high) == (0, 0, 0) for f in mean_differences(some, "other", "other", 5).values())
    differences = mean_differences(some, "ours", "other", 5)
    ours, other = (mean_estimates(some, name, 5) for name in ("ours", "other"))
    for estimate, gain in differences.items():
        assert gain.value == pytest.approx(ours[estimate].value - other[estimate].value)
        assert gain.low <= gain.value <= gain.high
