"""The nearest item of a data set: exact, in batches, with the distance that people expect."""

import numpy as np
import pytest

from gcgen_env.datasets import find_nearest, load_dataset, nearest
from gcgen_env.datasets.dataset import Dataset
from gcgen_env.datasets.images import wrap_images


def make_images(num, seed=0):
    images = np.random.default_rng(seed).integers(256, size=(num, 3, 5, 4), dtype=np.uint8)
    return wrap_images("noise", images)


@pytest.mark.parametrize("block", [1, 7 * 60, nearest.BLOCK])
def test_the_search_agrees_with_every_comparison(monkeypatch, block):
    monkeypatch.setattr(nearest, "BLOCK", block)  # one item at a time, seven, or all
    data, queries = make_images(40), make_images(9, seed=1).take(np.arange(9))
    every = queries[:, None].astype(np.float64) - data.take(np.arange(40))  # (9, 40, 3, 5, 4)
    distances = np.sqrt(np.square(every).mean(axis=(2, 3, 4)))
    found = find_nearest(queries, data)
    np.testing.assert_array_equal(found.item, distances.argmin(axis=1))
    np.testing.assert_allclose(found.distance, distances.min(axis=1), rtol=1e-12)


def test_an_item_is_nearest_to_itself():
    data = make_images(40)
    found = find_nearest(data.take([3, 3, 39]), data)
    assert found.item.tolist() == [3, 3, 39]
    assert found.distance.tolist() == [0, 0, 0]


def test_the_distance_is_in_units_of_the_values():
    grey = wrap_images("grey", np.full((1, 1, 4, 4), 51, np.uint8))  # 0.2
    found = find_nearest(np.full((1, 1, 4, 4), 0.5, np.float32), grey)
    assert found.distance == pytest.approx([0.3])


def test_points_are_compared_too():
    points = Dataset("points", np.array([[0, 0], [1, 0]], np.float32), 1.0, -1.0, 1.0)
    found = find_nearest(np.array([[0.9, 0.1]]), points)
    assert found.item.tolist() == [1]
    assert found.distance == pytest.approx([0.1])


def test_small_differences_of_bright_images_are_not_lost():
    images = np.full((2, 1, 64, 64), 0.99, np.float32)
    images[1, 0, 0, 0] += 1e-4
    found = find_nearest(images[1:], wrap_images("bright", images))
    assert found.item.tolist() == [1]


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        (
            np.zeros((2, 1, 7, 7)),
            r"shape \(N, 1, 8, 8\) to compare with digits, got \(2, 1, 7, 7\)",
        ),
        (np.full((1, 1, 8, 8), np.nan), "expected finite queries, got NaN or infinity"),
    ],
)
def test_queries_are_checked(queries, words):
    with pytest.raises(ValueError, match=words):
        find_nearest(queries, load_dataset("digits"))
