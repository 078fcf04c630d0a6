"""MNIST and Fashion-MNIST: where files are found, how they are split, what is refused."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gcgen_env.datasets import SPLITS, DatasetNotFoundError, find_dataset, load_dataset, mnist
from gcgen_env.datasets.sources import (
    IDX_FILES,
    IDX_SOURCES,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_LABELS,
)
from tests.gcgen_env.datasets.idx_writer import idx_bytes

REAL_ROOT = os.environ.get("GCGEN_DATA")
WriteSet = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the data root and make every download fail at once."""

    def fail(name: str, filename: str, *args: object, **kwargs: object) -> Path:
        raise OSError(f"no route to {filename}")

    monkeypatch.delenv("GCGEN_DATA", raising=False)
    monkeypatch.setattr(mnist, "download_idx", fail)


def item_numbers(images: np.ndarray) -> np.ndarray:
    return images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 0, 1]


@pytest.mark.parametrize("name", IDX_SOURCES)
def test_splits(name: str, tmp_path: Path, write_set: WriteSet) -> None:
    write_set(tmp_path / name, name)
    numbers = {}
    for split in SPLITS:
        dataset = load_dataset(name, split, data_dir=tmp_path)
        numbers[split] = item_numbers(dataset.array).tolist()
        assert dataset.shape == (1, 28, 28) and dataset.array.dtype == np.uint8
        assert (dataset.array.min(), dataset.array.max(), dataset.scale) == (0, 255, 1 / 255)
        assert dataset.labels is not None and len(dataset.labels) == len(dataset)
    assert numbers["train"] == list(range(55_000))
    assert numbers["validation"] == list(range(55_000, 60_000))
    assert numbers["test"] == list(range(10_000))


def test_splits_share_one_array(tmp_path: Path, write_set: WriteSet) -> None:
    write_set(tmp_path / "mnist")
    train, again = (load_dataset("mnist", data_dir=tmp_path) for _ in range(2))
    assert again is train
    assert np.shares_memory(
        train.array.base, load_dataset("mnist", "validation", data_dir=tmp_path).array.base
    )


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mnist", ""),
        ("mnist", "mnist"),
        ("mnist", "MNIST/raw"),
        ("fashion_mnist", ""),
        ("fashion_mnist", "fashion_mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("fashion_mnist", "FashionMNIST/raw"),
    ],
)
def test_layouts(
    name: str, folder: str, tmp_path: Path, write_set: WriteSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_set(tmp_path / folder, name, compress=folder != "mnist")
    assert find_dataset(name, tmp_path) == written
    assert len(load_dataset(name, "test", data_dir=tmp_path)) == 10_000
    assert find_dataset(name) is None
    monkeypatch.setenv("GCGEN_DATA", str(tmp_path))
    assert find_dataset(name) == written


def test_a_folder_of_another_set_is_not_used(tmp_path: Path, write_set: WriteSet) -> None:
    write_set(tmp_path / "mnist")
    assert find_dataset("fashion_mnist", tmp_path) is None


@pytest.mark.parametrize(
    ("there", "asked"), [("mnist", "fashion_mnist"), ("fashion_mnist", "mnist")]
)
@pytest.mark.parametrize("split", SPLITS)
def test_flat_files_of_another_set_are_refused(
    there: str, asked: str, split: str, tmp_path: Path, write_set: WriteSet
) -> None:
    write_set(tmp_path, there)
    expected, found = IDX_SOURCES[asked].title, IDX_SOURCES[there].title
    with pytest.raises(ValueError, match=f"expected labels of {expected}, got labels of {found}"):
        load_dataset(asked, split, data_dir=tmp_path)


def test_the_cache_is_tried_after_the_given_root(
    tmp_path: Path, cache: Path, write_set: WriteSet
) -> None:
    cached = write_set(cache / "mnist")
    assert find_dataset("mnist", tmp_path / "nowhere") == cached
    given = write_set(tmp_path / "given" / "mnist")
    assert find_dataset("mnist", tmp_path / "given") == given


def test_loose_files_in_the_cache_belong_to_no_set(cache: Path, write_set: WriteSet) -> None:
    write_set(cache)
    assert find_dataset("mnist") is None


def test_an_incomplete_folder_is_not_used(tmp_path: Path, write_set: WriteSet) -> None:
    folder = write_set(tmp_path / "mnist")
    (folder / f"{TRAIN_LABELS}.gz").unlink()
    assert find_dataset("mnist", tmp_path) is None


def test_no_data_and_no_network(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DatasetNotFoundError) as caught:
        load_dataset("mnist", data_dir=tmp_path)
    message = str(caught.value)
    expected = [*IDX_FILES, str(tmp_path / "MNIST" / "raw"), str(cache / "mnist"), "GCGEN_DATA"]
    for part in [*expected, "data_dir=", "no route to train-images-idx3-ubyte.gz"]:
        assert part in message


def test_only_what_the_cache_lacks_is_downloaded(
    cache: Path, write_set: WriteSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(cache / "mnist")
    content = (folder / f"{TEST_LABELS}.gz").read_bytes()
    (folder / f"{TEST_LABELS}.gz").unlink()
    asked = []

    def deliver(name: str, filename: str, cache_dir: Path, *args: object, sha256: str) -> Path:
        asked.append(filename)
        path = cache_dir / name / filename
        path.write_bytes(content)
        return path

    monkeypatch.setattr(mnist, "download_idx", deliver)
    assert len(load_dataset("mnist", "test")) == 10_000
    assert asked == [f"{TEST_LABELS}.gz"]


@pytest.mark.parametrize(
    ("filename", "array", "message"),
    [
        (TEST_IMAGES, np.zeros((10_000, 8, 8), np.uint8), r"\(10000, 28, 28\), got \(10000, 8, 8"),
        (TEST_IMAGES, np.zeros((9, 28, 28), np.uint8), r"got \(9, 28, 28\)"),
        (TEST_LABELS, np.zeros(9_999, np.uint8), r"shape \(10000,\), got \(9999,\)"),
        (TEST_LABELS, np.full(10_000, 10, np.uint8), r"labels 0\.\.9, got 10"),
    ],
)
def test_structural_errors(
    filename: str, array: np.ndarray, message: str, tmp_path: Path, write_set: WriteSet
) -> None:
    folder = write_set(tmp_path / "mnist")
    (folder / filename).write_bytes(idx_bytes(array))  # a plain file goes before its .gz
    with pytest.raises(ValueError, match=f"{filename}: expected .*{message}"):
        load_dataset("mnist", "test", data_dir=tmp_path)


@pytest.mark.skipif(
    REAL_ROOT is None or find_dataset("mnist", REAL_ROOT) is None,
    reason="needs MNIST under GCGEN_DATA",
)
def test_real_mnist() -> None:
    train, test = (load_dataset("mnist", split, data_dir=REAL_ROOT) for split in ("train", "test"))
    assert (len(train), len(test)) == (55_000, 10_000)
    for dataset in (train, test):
        assert (dataset.array.min(), dataset.array.max()) == (0, 255)
    assert train.labels is not None and train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert train.mean().mean() == pytest.approx(0.1307, abs=5e-4)
