"""One reading of a data set serves all of its splits."""

import copy
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from PIL import Image

from gcgen_env.datasets import SPLITS, DataSource, array_files, image_folder, load, load_dataset

IMAGES = np.random.default_rng(0).integers(0, 256, (25, 6, 7), dtype=np.uint8)


def write_npz(folder: Path) -> Path:
    np.savez(folder / "a.npz", images=IMAGES)
    return folder / "a.npz"


def write_split_npz(folder: Path) -> Path:
    np.savez(folder / "a.npz", train=IMAGES[5:], validation=IMAGES[:2], test=IMAGES[2:5])
    return folder / "a.npz"


def write_npy(folder: Path) -> Path:
    np.save(folder / "a.npy", IMAGES)
    return folder / "a.npy"


def write_folder(folder: Path) -> Path:
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(folder / f"{number:02}.png")
    return folder


def count_calls(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[object]:
    """Replace a function by one that records each call's first argument."""
    calls: list[object] = []
    original = getattr(module, name)

    def record(*args: object) -> object:
        calls.append(args[0])
        return original(*args)

    monkeypatch.setattr(module, name, record)
    return calls


@pytest.mark.parametrize("image_size", [None, 5])
@pytest.mark.parametrize(
    ("make", "module", "reader", "num_calls"),
    [
        (lambda folder: IMAGES, load, "to_images", 1),
        (write_npy, array_files, "read_npy", 1),
        (write_npz, array_files, "_read_npz", 1),
        (write_npz, array_files, "to_images", 1),
        (write_split_npz, array_files, "_read_npz", 1),
        (write_split_npz, array_files, "to_images", len(SPLITS)),
        (write_folder, image_folder, "read_image", len(IMAGES)),
    ],
)
def test_a_source_is_decoded_once(
    make: Callable[[Path], Path | np.ndarray],
    module: object,
    reader: str,
    num_calls: int,
    image_size: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = make(tmp_path)
    expected = {split: load_dataset(made, split, image_size=image_size) for split in SPLITS}
    calls = count_calls(monkeypatch, module, reader)
    source = DataSource(made, image_size=image_size)
    assert calls == []
    for split in (*SPLITS, *SPLITS):
        found = source.split(split)
        np.testing.assert_array_equal(found.array, expected[split].array, strict=True)
        assert source.split(split) is found
    assert len(calls) == num_calls


def test_a_named_set_is_shared_by_all_sources() -> None:
    assert DataSource("digits").split("test") is load_dataset("digits", "test")
    resized = DataSource("digits", image_size=4).split("test")
    assert resized is load_dataset("digits", "test", image_size=4)


def test_other_splits_of_an_archive_are_not_checked(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", validation=IMAGES / 2.0, test=IMAGES)
    source = DataSource(tmp_path / "a.npz")
    assert len(source.split("test")) == 25
    with pytest.raises(ValueError, match="no array 'train'"):
        source.split("train")
    with pytest.raises(ValueError, match="finite floats"):
        source.split("validation")


@pytest.mark.parametrize("is_read", [False, True])
@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("make", [lambda folder: IMAGES, write_split_npz, lambda folder: "digits"])
def test_copies_give_the_same_splits(
    make: Callable[[Path], object], make_copy: Callable, is_read: bool, tmp_path: Path
) -> None:
    source = DataSource(make(tmp_path))  # type: ignore[arg-type]
    if is_read:
        source.split("train")
    other = make_copy(source)
    for split in SPLITS:
        found, expected = other.split(split).array, source.split(split).array
        np.testing.assert_array_equal(found, expected, strict=True)


def test_from_a_name_to_pixels_in_five_files(
    tmp_path: Path, write_set: Callable[..., Path]
) -> None:
    write_set(tmp_path / "mnist")
    files = []

    def record(frame: FrameType, event: str, argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.parent.name == "datasets" and path.stem not in files:
            files.append(path.stem)

    sys.setprofile(record)
    try:
        load_dataset("mnist", "test", tmp_path).take([0, 1])
    finally:
        sys.setprofile(None)
    # The test's own fixture replaces `locations.cache_root`.
    assert [name for name in files if name != "conftest"] == [
        "load", "dataset", "mnist", "locations", "idx",
    ]  # fmt: skip
