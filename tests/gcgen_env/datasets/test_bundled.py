"""The sets that need no files: Digits and the Toy2D densities."""

import numpy as np
import pytest

from gcgen_env.datasets import SPLITS, Dataset, find_dataset, load_dataset
from gcgen_env.datasets.toy2d import DENSITIES, SIZES


def test_digits_splits_partition_the_set() -> None:
    parts = [load_dataset("digits", split) for split in SPLITS]
    assert [len(part) for part in parts] == [1257, 180, 360]
    from sklearn.datasets import load_digits

    together = np.concatenate([part.array for part in parts])
    whole = load_digits().images[:, None]
    assert sorted(map(bytes, together)) == sorted(map(bytes, whole.astype(np.uint8)))


@pytest.mark.parametrize("split", SPLITS)
def test_digits_values(split: str) -> None:
    digits = load_dataset("digits", split)
    assert digits.shape == (1, 8, 8) and digits.array.dtype == np.uint8
    assert (digits.array.min(), digits.array.max()) == (0, 16)
    values = digits.take(np.arange(len(digits)))
    assert (values.min(), values.max()) == (0, 1)
    assert digits.labels is not None and set(digits.labels) == set(range(10))


@pytest.mark.parametrize("name", ["digits", *DENSITIES])
def test_named_sets_are_shared(name: str) -> None:
    assert load_dataset(name) is load_dataset(name, "train")
    assert find_dataset(name) is None


@pytest.mark.parametrize("name", DENSITIES)
def test_densities(name: str) -> None:
    parts = [load_dataset(name, split) for split in SPLITS]
    for split, part in zip(SPLITS, parts, strict=True):
        assert part.array.shape == (SIZES[split], 2) and part.array.dtype == np.float32
        assert (part.scale, part.low, part.high, part.labels) == (1, -1, 1, None)
        assert np.abs(part.array).max() <= 1
    rows = np.concatenate([part.array for part in parts])
    assert len(np.unique(rows, axis=0)) > 0.999 * len(rows), "splits share points"
    assert np.abs(parts[0].mean()).max() < 0.2
    assert parts[0].array.std(axis=0).min() > 0.2


@pytest.mark.parametrize("name", DENSITIES)
def test_a_density_is_its_generators_alone(name: str) -> None:
    first, again, other = (DENSITIES[name](np.random.default_rng(seed), 50) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_checkerboard_fills_dark_cells_only() -> None:
    points = load_dataset("checkerboard").array
    column, row = np.minimum((points + 1) * 2, 3.999).astype(int).T
    assert ((column + row) % 2 == 0).all()
    counts = np.bincount(4 * row + column, minlength=16)
    np.testing.assert_allclose(counts[counts > 0], len(points) / 8, rtol=0.1)


def test_eight_gaussians_lie_on_a_circle() -> None:
    points = load_dataset("eight_gaussians").array
    assert np.hypot(*points.T).mean() == pytest.approx(0.75, abs=0.01)
    octant = np.round(np.arctan2(points[:, 1], points[:, 0]) / (np.pi / 4)).astype(int) % 8
    np.testing.assert_allclose(np.bincount(octant), len(points) / 8, rtol=0.1)


@pytest.mark.parametrize("name", ["digits", *DENSITIES])
def test_unknown_split(name: str) -> None:
    with pytest.raises(ValueError, match="one of 'train', 'validation', 'test', got 'eval'"):
        load_dataset(name, "eval")


def test_image_size() -> None:
    small: Dataset = load_dataset("digits", image_size=4)
    assert small.shape == (1, 4, 4) and small.take([0]).max() <= 1
    assert load_dataset("digits", image_size=4) is small
    np.testing.assert_allclose(small.mean().mean(), load_dataset("digits").mean().mean(), atol=0.02)
    with pytest.raises(ValueError, match="holds points of shape"):
        load_dataset("spiral", image_size=4)
