"""Stand-ins for MNIST's files, and an empty cache for every test."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gcgen_env.datasets import locations, mnist
from gcgen_env.datasets.sources import IDX_SOURCES, TEST_IMAGES, TRAIN_IMAGES
from tests.gcgen_env.datasets.idx_writer import idx_bytes


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the user's cache into an empty folder."""
    folder = tmp_path / "cache"
    for module in (locations, mnist):
        monkeypatch.setattr(module, "cache_root", lambda: folder)
    return folder


@pytest.fixture(scope="session")
def fake_files() -> dict[str, dict[str, bytes]]:
    """Payloads of both sets' four files: image i holds i in its first two bytes."""
    return {name: _fake_set(name) for name in IDX_SOURCES}


@pytest.fixture
def write_set(fake_files: dict[str, dict[str, bytes]]) -> Callable[..., Path]:
    """Return a function that writes one set's four files to a folder, gzip or plain."""

    def write(folder: Path, name: str = "mnist", compress: bool = True) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for filename, payload in fake_files[name].items():
            if compress:
                (folder / f"{filename}.gz").write_bytes(gzip.compress(payload, 1))
            else:
                (folder / filename).write_bytes(payload)
        return folder

    return write


def _fake_set(name: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for images_file, labels_file in zip(
        (TRAIN_IMAGES, TEST_IMAGES), IDX_SOURCES[name].first_labels, strict=True
    ):
        count = mnist.COUNTS[images_file]
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(count), 256)
        images[:, -1, -1] = 255
        labels = (np.arange(count) % 10).astype(np.uint8)
        labels[:10] = IDX_SOURCES[name].first_labels[labels_file]
        files |= {images_file: idx_bytes(images), labels_file: idx_bytes(labels)}
    return files
