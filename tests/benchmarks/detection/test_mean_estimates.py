"""Means over families: what is drawn for their intervals, and differences of the same draws."""

import numpy as np
import pytest

from benchmarks.detection.mean_estimates import Judged, mean_figures, mean_gains


def judged(seed: int, tell: float = 1.0) -> Judged:
    """Twelve accounts of equal risk among 900 honest ones, as two models see them."""
    rng = np.random.default_rng(seed)
    label = np.arange(912) < 12
    honest = rng.normal(0, 1, 912)
    return Judged("one", label, {"ours": np.where(label, 1.5, honest), "other": rng.normal(tell * label, 1)})


def test_honest_accounts_are_drawn_once_for_all_families_so_that_many_families_do_not_hide_their_chance() -> None:
    alone, many = (mean_figures([judged(1)] * count, "ours", 5) for count in (1, 30))
    for figure in ("pr_auc", "ece"):
        assert alone[figure].low < alone[figure].value < alone[figure].high
        assert (many[figure].low, many[figure].high) == pytest.approx((alone[figure].low, alone[figure].high))


def test_a_model_gains_nothing_over_itself_and_the_differences_of_two_are_those_of_their_means() -> None:
    some = [judged(seed) for seed in range(4)]
    assert all((f.value, f.low, f.high) == (0, 0, 0) for f in mean_gains(some, "other", "other", 5).values())
    gains = mean_gains(some, "ours", "other", 5)
    ours, other = (mean_figures(some, name, 5) for name in ("ours", "other"))
    for figure, gain in gains.items():
        assert gain.value == pytest.approx(ours[figure].value - other[figure].value)
        assert gain.low <= gain.value <= gain.high
