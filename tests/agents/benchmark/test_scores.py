"""Normalised scores, their aggregates and intervals."""

import numpy as np
import pytest

from agents.benchmark.scores import (
    bootstrap_mean,
    compare,
    compute_interval,
    interquartile_mean,
    measure_area,
    normalise,
)


def test_anchors():
    assert normalise(0.0, best=30.0) == 0
    assert normalise(30.0, best=30.0) == 1
    for best in (0.0, -1.0):
        with pytest.raises(ValueError, match="nothing to choose"):
            normalise(1.0, best)
    np.testing.assert_allclose(normalise(np.array([-15.0, 60.0]), 30.0), [-0.5, 2.0])


def test_the_area_is_the_mean_height_of_a_curve():
    assert measure_area([0, 10, 40], [0.0, 1.0, 1.0]) == pytest.approx((5 + 30) / 40)
    assert measure_area([0], [0.3]) == measure_area([0, 0], [0.1, 0.3]) == 0.3


def test_the_interquartile_mean_ignores_a_quarter_at_each_end():
    assert interquartile_mean(np.array([[-100.0, 1, 2, 3, 4, 5, 6, 1000]])) == pytest.approx(3.5)
    assert interquartile_mean(np.array([[1.0, 2.0], [3.0, 4.0]])) == pytest.approx(2.5)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(100):
        scores = rng.normal(size=(3, 12))
        found = compute_interval(scores, np.mean, seed)
        assert found.low < found.value < found.high
        hits += found.low < 0 < found.high
    assert 84 <= hits <= 99


def test_intervals_of_means():
    values = np.random.default_rng(0).normal([0.0, 5.0], [1.0, 2.0], size=(100, 2))
    low, high = bootstrap_mean(values)
    np.testing.assert_allclose((low + high) / 2, values.mean(0), atol=0.02)
    np.testing.assert_allclose(high - low, 2 * 1.96 * values.std(0) / 10, rtol=0.05)


def test_strata_are_drawn_within_tasks():
    scores = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert compute_interval(scores, np.mean) == (0.5, 0.5, 0.5)
    assert compute_interval(scores[:, :1]) == (0.5, 0.5, 0.5)  # one seed has no spread


def test_probability_of_improvement():
    low, high = np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[2.0, 3.0, 4.0], [2.0, 3.0, 4.0]])
    assert compare(high, low) == (1, 1, 1)
    assert compare(low, high) == (0, 0, 0)
    assert compare(low, low).value == 0.5  # ties count half
    mixed = compare(np.array([[0.0, 2.0]]), np.array([[1.0, 1.0]]))
    assert mixed.value == 0.5 and mixed.low == 0 and mixed.high == 1
