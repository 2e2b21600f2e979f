"""Windows against ordinary traffic."""

import numpy as np
import pytest

from training.baselines.discrepancy import OrdinaryTraffic, fit_ordinary, kernel
from training.baselines.windows import Windows

WIDE = 8


def drawn(shape: tuple[int, ...], shift: float = 0.0, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (*shape, WIDE)).astype(np.float32)


def whole(vectors: np.ndarray) -> Windows:
    return Windows(vectors, np.ones(vectors.shape[:2], np.bool_))


@pytest.fixture(scope="module")
def usual() -> OrdinaryTraffic:
    traffic = fit_ordinary(drawn((2_000,), seed=0), 0)
    assert traffic is not None
    return traffic


@pytest.mark.parametrize("size", [5, 25, 100])
def test_about_one_of_twenty_ordinary_windows_strikes_whatever_their_size(usual: OrdinaryTraffic, size: int) -> None:
    struck = (usual.score(whole(drawn((1_000, size)))) > 1).mean()
    assert 0.01 < struck < 0.12


def test_windows_of_other_traffic_strike_and_more_of_it_strikes_more(usual: OrdinaryTraffic) -> None:
    pure, mixed = drawn((200, 50), shift=0.7), drawn((200, 50))
    mixed[:, :10] = pure[:, :10]
    assert (usual.score(whole(pure)) > 1).mean() > 0.99
    assert np.median(usual.score(whole(mixed))) < np.median(usual.score(whole(pure)))


def test_padding_changes_nothing(usual: OrdinaryTraffic) -> None:
    vectors = drawn((3, 10))
    padded = np.concatenate([vectors, np.full((3, 5, WIDE), 9, np.float32)], axis=1)
    is_request = np.arange(15)[None, :].repeat(3, axis=0) < 10
    assert np.allclose(usual.score(Windows(padded, is_request)), usual.score(whole(vectors)), rtol=1e-3, atol=1e-3)


def test_the_estimate_is_that_of_the_formula(usual: OrdinaryTraffic) -> None:
    window = drawn((1, 6))
    own, across = kernel(window[0], window[0], usual.median), kernel(window[0], usual.reference, usual.median)
    plain = own[~np.eye(6, dtype=np.bool_)].mean() - 2 * across.mean() + usual.within
    limit = np.interp(np.log(6), np.log((5, 8)), usual.limits[2:4])
    assert usual.score(whole(window))[0] == pytest.approx(plain / limit, rel=1e-3)


def test_one_request_tells_nothing_and_too_little_traffic_is_no_reference(usual: OrdinaryTraffic) -> None:
    assert np.isnan(usual.score(whole(drawn((1, 1))))[0])
    assert fit_ordinary(drawn((4,)), 0) is None


def test_texts_that_are_all_the_same_are_no_reason_to_fail() -> None:
    same = fit_ordinary(np.ones((100, WIDE), np.float32), 0)
    assert same is not None
    assert same.score(whole(np.ones((1, 20, WIDE), np.float32)))[0] < 1
    assert same.score(whole(drawn((1, 20))))[0] > 1
