"""The user's images in files: archives, folders of pictures, and each way they can be broken."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcgen_env.datasets import DATASETS, SPLITS, load_dataset

BYTES = np.random.default_rng(0).integers(0, 256, (25, 6, 7), dtype=np.uint8)


def save_png(path: Path, pixels: np.ndarray, mode: str | None = None) -> None:
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(path)


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", BYTES)
    dataset = load_dataset(tmp_path / "a.npy", "validation")
    np.testing.assert_array_equal(dataset.array[:, 0], BYTES[2::10])
    assert dataset.name == "a.npy" and dataset.labels is None
    assert load_dataset(str(tmp_path / "a.npy"), image_size=5).shape == (1, 5, 5)


@pytest.mark.parametrize("key", ["images", "x"])
def test_npz_is_split_with_its_labels(key: str, tmp_path: Path) -> None:
    arrays = {key: BYTES, "labels": np.arange(25)}
    np.savez_compressed(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    dataset = load_dataset(tmp_path / "a.npz", "test")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 10, 11, 20, 21]
    np.testing.assert_array_equal(dataset.array[:, 0], BYTES[dataset.labels])


def test_npz_with_its_own_splits(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, train=BYTES[:21], test=BYTES[21:], test_labels=np.arange(4))
    assert len(load_dataset(path)) == 21
    test = load_dataset(path, "test")
    assert test.labels is not None and test.labels.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"a\.npz: no array 'validation'.*found \['test'"):
        load_dataset(path, "validation")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": BYTES, "y": BYTES}, r"expected an array 'images'.*found \['x', 'y'\]"),
        ({"labels": np.arange(3)}, r"expected an array 'images'.*found \['labels'\]"),
        ({"images": np.array([BYTES, None], dtype=object)}, "Python objects"),
        ({"images": BYTES, "labels": np.arange(3)}, "one label per item"),
        ({"images": BYTES / 2.0}, r"a\.npz\[images\]: expected finite floats"),
    ],
)
def test_npz_errors(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        load_dataset(tmp_path / "a.npz")


def test_npy_of_objects_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([BYTES, None], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"a\.npy: holds Python objects"):
        load_dataset(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("keep", [0, 3, 40, -1000, -30])
def test_truncated_arrays_name_the_file(suffix: str, keep: int, tmp_path: Path) -> None:
    path = tmp_path / f"broken{suffix}"
    np.savez(path, images=BYTES) if suffix == ".npz" else np.save(path, BYTES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=f"broken{suffix}: not a readable {suffix} file"):
        load_dataset(path)


def test_corrupt_npz_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    np.savez_compressed(path, images=BYTES)
    content = bytearray(path.read_bytes())
    content[300:400] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.npz: not a readable"):
        load_dataset(path)


def test_damaged_headers_give_an_error_that_names_the_file_or_valid_images(tmp_path: Path) -> None:
    path, rng = tmp_path / "fuzzed.npy", np.random.default_rng(0)
    np.save(path, BYTES)
    content, num_errors = bytearray(path.read_bytes()), 0
    for _ in range(200):
        damaged = content.copy()
        for place in rng.integers(128, size=4):  # the header of a .npy file
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            values = load_dataset(path, "test").take([0])
        except ValueError as error:
            num_errors += 1
            assert str(path) in str(error)
        else:
            assert 0 <= values.min() <= values.max() <= 1
    assert num_errors > 100


def test_grey_folder_is_sorted_and_stays_grey(tmp_path: Path) -> None:
    for number, suffix in [(2, ".PNG"), (0, ".png"), (1, ".png")]:
        save_png(tmp_path / f"{number}{suffix}", BYTES[number])
    (tmp_path / "notes.txt").write_text("not an image")
    dataset = load_dataset(tmp_path)
    assert dataset.name == tmp_path.name
    np.testing.assert_array_equal(dataset.array[:, 0], BYTES[:3])


def test_one_coloured_file_makes_the_folder_rgb(tmp_path: Path) -> None:
    save_png(tmp_path / "0.png", BYTES[0])
    save_png(tmp_path / "1.jpg", np.full((6, 7, 3), (250, 10, 10), np.uint8))
    dataset = load_dataset(tmp_path)
    assert dataset.shape == (3, 6, 7)
    np.testing.assert_array_equal(dataset.array[0], BYTES[:1].repeat(3, axis=0))
    assert dataset.array[1, 0].min() > 200 > 60 > dataset.array[1, 1].max()


def test_transparency_is_blended_with_white(tmp_path: Path) -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[:2, :, 3] = 255  # the upper half is opaque black
    for mode in ("RGBA", "LA"):
        (tmp_path / mode).mkdir()
        save_png(tmp_path / mode / "0.png", clear, mode)
        dataset = load_dataset(tmp_path / mode)
        assert dataset.shape == (3 if mode == "RGBA" else 1, 4, 4)
        assert (dataset.array[0, :, :2] == 0).all() and (dataset.array[0, :, 2:] == 255).all()


def test_mixed_sizes_want_image_size(tmp_path: Path) -> None:
    save_png(tmp_path / "0.png", BYTES[0])
    save_png(tmp_path / "1.png", BYTES[0].T)
    with pytest.raises(ValueError, match=r"0\.png is 6 x 7.*1\.png is 7 x 6; pass image_size="):
        load_dataset(tmp_path)
    assert load_dataset(tmp_path, image_size=5).shape == (1, 5, 5)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("keep", [0, 10, 100, -40])
def test_truncated_images_name_the_file(suffix: str, keep: int, tmp_path: Path) -> None:
    path = tmp_path / f"broken{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    save_png(path, noise)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=f"broken{suffix}: not a readable image"):
        load_dataset(tmp_path)


def test_sixteen_bit_images_become_bytes(tmp_path: Path) -> None:
    save_png(tmp_path / "deep.png", np.full((4, 4), 40_000, np.uint16))
    dataset = load_dataset(tmp_path)
    assert dataset.shape == (1, 4, 4) and (dataset.array == 40_000 >> 8).all()


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(ValueError, match=r"ending in \.png, \.jpg, \.jpeg, found none"):
        load_dataset(tmp_path)


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(ValueError, match=r"a\.csv: expected a \.npy or \.npz file or a folder"):
        load_dataset(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("typed", "meant"), [("mnits", "mnist"), ("Fashion-MNIST", "fashion_mnist"), ("moons", None)]
)
def test_unknown_name_suggests_the_nearest(typed: str, meant: str | None) -> None:
    with pytest.raises(ValueError, match=f"unknown data set {typed!r}") as caught:
        load_dataset(typed)
    assert all(name in str(caught.value) for name in DATASETS)
    assert meant is None or f"Did you mean {meant!r}?" in str(caught.value)


def test_other_types() -> None:
    with pytest.raises(TypeError, match="name, a path or a NumPy array, got list"):
        load_dataset([1, 2])  # type: ignore[arg-type]


@pytest.mark.parametrize("split", ["valid", "Train", ""])
def test_unknown_split(split: str) -> None:
    with pytest.raises(ValueError, match=", ".join(map(repr, SPLITS))):
        load_dataset(BYTES, split)
