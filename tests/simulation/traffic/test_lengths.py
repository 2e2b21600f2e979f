"""Lengths and gaps without pools come from the committed quantiles."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import spearmanr

from simulation.constants.measured_constants import GAPS, LEVELS, TOKENS, values_at
from simulation.traffic.lengths import LENGTHS, draw_lengths
from simulation.traffic.rhythm import RHYTHMS, Clockwork, draw_gaps

MIDDLE = LEVELS.index(0.5)
SIZE = 20_000


@pytest.mark.parametrize("name", [n for n, kind in LENGTHS.items() if kind.measured])
def test_tokens_have_the_measured_medians(name: str) -> None:
    kind = np.full(SIZE, list(LENGTHS).index(name))
    context, answer, whole = draw_lengths(kind, {}, np.random.default_rng(1))
    fitted = TOKENS[LENGTHS[name].measured or ""]
    assert whole.all()  # the whole input was measured
    assert np.median(context) == pytest.approx(fitted.inputs[MIDDLE], rel=0.06)
    assert np.median(answer) == pytest.approx(fitted.answers[MIDDLE], rel=0.06)
    assert spearmanr(context, answer).statistic == pytest.approx(fitted.correlation, abs=0.05)


@pytest.mark.parametrize("name", [n for n, kind in RHYTHMS.items() if kind.measured in GAPS])
def test_gaps_have_the_measured_medians(name: str) -> None:
    gaps = draw_gaps(np.full(SIZE, list(RHYTHMS).index(name)), Clockwork.make(), np.random.default_rng(1))
    assert np.median(gaps) == pytest.approx(GAPS[RHYTHMS[name].measured or ""][MIDDLE], rel=0.05)


def test_quantiles_come_back_at_their_levels() -> None:
    for quantiles in (*GAPS.values(), *(t.inputs for t in TOKENS.values()), *(t.answers for t in TOKENS.values())):
        assert values_at(quantiles, ndtri(np.array(LEVELS))) == pytest.approx(quantiles)
        assert list(quantiles) == sorted(quantiles)


def test_given_pairs_take_the_place_of_the_quantiles() -> None:
    kind = np.full(100, list(LENGTHS).index("chat"))
    context, answer, whole = draw_lengths(
        kind, {"azure_conv": (np.array([1000.0]), np.array([10.0]))}, np.random.default_rng(1)
    )
    assert whole.all()
    assert np.all((context > 800.0) & (context < 1200.0) & (answer > 8.0) & (answer < 12.0))


def test_what_is_not_measured_is_log_normal_beside_the_text() -> None:
    kind = np.full(SIZE, list(LENGTHS).index("work"))
    context, answer, whole = draw_lengths(kind, {}, np.random.default_rng(1))
    assert not whole.any()
    assert np.log(context).std() == pytest.approx(LENGTHS["work"].context_spread, rel=0.03)
    assert np.median(answer) == pytest.approx(LENGTHS["work"].answer, rel=0.03)
