"""The container: checks, values, read-only memory, digest."""

import hashlib
from typing import Any

import numpy as np
import pytest

from gcgen_env.datasets import Dataset

BYTES = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)


def make(array: np.ndarray = BYTES, **changes: Any) -> Dataset:
    fields = {"scale": 1 / 255, "low": 0.0, "high": 1.0} | changes
    return Dataset("toy", array, **fields)


def test_take_scales_to_float32_in_memory_of_its_own() -> None:
    dataset = make()
    values = dataset.take([0, 3, -1])
    assert values.shape == (3, 1, 8, 8) and values.dtype == np.float32
    assert values.min() == 0 and values.max() == 1
    np.testing.assert_allclose(values[1].ravel(), np.arange(192, 256) / 255, rtol=1e-6)
    values[:] = 7
    assert dataset.take([0]).max() < 1


def test_take_of_floats_shares_no_memory() -> None:
    dataset = make(np.full((2, 2), 0.5, np.float32), scale=1.0)
    assert not np.shares_memory(dataset.take(np.array([0, 1])), dataset.array)


@pytest.mark.parametrize("index", [0, [0.0], [[1]], [True, False, True, True]])
def test_take_refuses_other_indices(index: object) -> None:
    with pytest.raises(TypeError, match=r"1-D sequence of integers.*take\(\[i\]\)"):
        make().take(index)  # type: ignore[arg-type]


def test_shape_length_and_mean() -> None:
    dataset = make()
    assert len(dataset) == 4 and dataset.shape == (1, 8, 8)
    mean = dataset.mean()
    assert mean.dtype == np.float32 and mean.shape == (1, 8, 8)
    np.testing.assert_allclose(mean.ravel(), (np.arange(64) + 96) / 255, rtol=1e-6)


def test_arrays_are_read_only_and_the_callers_is_left_alone() -> None:
    array, labels = BYTES.copy(), np.arange(4, dtype=np.int32)
    dataset = make(array, labels=labels)
    assert dataset.labels is not None and dataset.labels.dtype == np.int64
    for stored in (dataset.array, dataset.labels):
        with pytest.raises(ValueError, match="read-only"):
            stored[0] = 0
    assert array.flags.writeable and labels.flags.writeable


def test_digest_covers_shape_dtype_and_bytes() -> None:
    digest = make().digest()
    assert digest == hashlib.sha256(b"(4, 1, 8, 8) uint8 " + BYTES.tobytes()).hexdigest()
    changed = BYTES.copy()
    changed[0, 0, 0, 0] = 1
    others = [make(changed), make(BYTES.reshape(4, 1, 4, 16)), make(BYTES[:3])]
    floats = np.zeros((4, 2), np.float32)
    bits = floats.view(np.uint8)
    digests = {digest, *(other.digest() for other in others), make(floats).digest()}
    assert len(digests | {make(bits).digest()}) == 6


@pytest.mark.parametrize(
    ("array", "changes", "error", "message"),
    [
        (BYTES.astype(np.float64), {}, TypeError, "uint8 or float32 array, got float64"),
        ([[0, 1]], {}, TypeError, "got list"),
        (BYTES[:0], {}, ValueError, "at least one item"),
        (BYTES.reshape(4, 64, 1, 1), {}, ValueError, r"C in \{1, 3\}, got \(4, 64, 1, 1\)"),
        (BYTES.reshape(4, 8, 8), {}, ValueError, r"got \(4, 8, 8\)"),
        (BYTES, {"scale": 1.0}, ValueError, r"values in \[0.0, 1.0\], got \[0, 255\]; is scale=1"),
        (BYTES, {"scale": 0.0}, ValueError, "scale > 0"),
        (BYTES, {"low": 1.0}, ValueError, "low < high"),
        (np.array([[0, np.nan]], np.float32), {"scale": 1.0}, ValueError, "finite"),
        (np.array([[0, np.inf]], np.float32), {"scale": 1.0}, ValueError, "finite"),
        (BYTES, {"labels": np.arange(3)}, ValueError, r"shape \(4,\), got \(3,\)"),
        (BYTES, {"labels": np.zeros(4)}, TypeError, "integer labels, got float64"),
    ],
)
def test_errors(array: Any, changes: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(array, **changes)
