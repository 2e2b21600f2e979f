"""PRADA's distances and their normality."""

import numpy as np
from scipy.stats import shapiro

from training.baselines.prada import deviation, nearest_distances
from training.baselines.windows import Windows


def whole(vectors: np.ndarray) -> Windows:
    return Windows(vectors.astype(np.float32), np.ones(vectors.shape[:2], np.bool_))


def test_the_distance_is_to_the_nearest_earlier_request() -> None:
    distances = nearest_distances(whole(np.array([[[0.0], [3.0], [1.0], [3.5]]])))
    assert np.isnan(distances[0, 0])
    assert distances[0, 1:].tolist() == [3.0, 1.0, 0.5]


def test_padding_is_no_request() -> None:
    vectors = np.array([[[0.0], [3.0], [1.0], [0.0]]], np.float32)
    distances = nearest_distances(Windows(vectors, np.array([[True, True, True, False]])))
    assert np.isnan(distances[0, 3])


def test_it_is_what_scipy_says_of_the_distances() -> None:
    part = whole(np.random.default_rng(2).normal(size=(2, 40, 8)))
    for distances, deviated in zip(nearest_distances(part)[:, 1:], deviation(part), strict=True):
        inliers = distances[np.abs(distances - distances.mean()) <= 3 * distances.std()]
        assert np.isclose(deviated, 1 - shapiro(inliers).statistic)


def test_requests_of_two_kinds_of_distance_deviate_more_than_natural_ones() -> None:
    rng = np.random.default_rng(3)
    natural = rng.normal(size=(20, 80, 8))
    steps = np.where(np.arange(80) % 2, 0.01, 1.0)[None, :, None] * natural
    two_kinds = np.repeat(natural[:, ::2], 2, axis=1) + 0.01 * steps
    assert np.median(deviation(whole(two_kinds))) > 2 * np.median(deviation(whole(natural)))


def test_always_the_same_distance_is_as_far_from_normal_as_can_be_and_too_few_tell_nothing() -> None:
    same = deviation(whole(np.ones((1, 10, 4))))
    few = deviation(whole(np.random.default_rng(0).normal(size=(1, 3, 4))))
    assert same.tolist() == [1.0]
    assert np.isnan(few[0])
