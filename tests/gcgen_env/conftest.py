"""Small data on disk, and the keyword arguments that make every id work on it."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gcgen_env.datasets import find_dataset
from gcgen_env.datasets.mnist import COUNTS
from gcgen_env.datasets.sources import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from tests.gcgen_env.datasets.idx_writer import idx_bytes


@pytest.fixture(scope="session")
def fashion_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root whose Fashion-MNIST repeats one hundred patches of noise."""
    folder = tmp_path_factory.mktemp("data") / "fashion_mnist"
    folder.mkdir()
    patches = np.zeros((100, 28, 28), np.uint8)
    patches[:, 8:20, 8:20] = np.random.default_rng(0).integers(256, size=(100, 12, 12))
    for images_file, labels_file in ((TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)):
        count = COUNTS[images_file]
        arrays = {
            images_file: np.tile(patches, (count // 100, 1, 1)),
            labels_file: np.arange(count, dtype=np.uint8) % 10,
        }
        for name, array in arrays.items():
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array), 1))
    return folder.parent


@pytest.fixture(scope="session")
def colour_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.npy` file of 30 colour images of 8 x 8 pixels."""
    path = tmp_path_factory.mktemp("images") / "colour.npy"
    np.save(path, np.random.default_rng(0).integers(256, size=(30, 8, 8, 3), dtype=np.uint8))
    return path


@pytest.fixture
def make_kwargs(fashion_dir: Path, colour_file: Path) -> Callable[..., dict[str, Any]]:
    """Return a function from an id to what `gym.make` needs beside it; skips without MNIST."""
    needs = {
        "GCGen-FashionMNIST-v0": {"data_dir": str(fashion_dir)},
        "GCGen-Images-v0": {"dataset": str(colour_file)},
    }

    def make(env_id: str, **kwargs: Any) -> dict[str, Any]:
        if env_id == "GCGen-MNIST-v0" and find_dataset("mnist") is None:
            pytest.skip("MNIST's files are not here; name their folder in $GCGEN_DATA")
        return {**needs.get(env_id, {}), **kwargs}

    return make
