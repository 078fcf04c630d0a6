"""`Dataset`, a read-only array of items with their range and labels, and the names of splits."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gcgen_env.viewer.card import draw_card
from gcgen_env.viewer.grids import image_grid

SPLITS = ("train", "validation", "test")

SMALLEST_TO_SPLIT = 20
"""A set with fewer items is not divided: every split is the whole set."""


def check_split(split: str) -> None:
    """Raise a ValueError if `split` is not one of `SPLITS`."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(map(repr, SPLITS))}, got {split!r}")


def split_indices(count: int, split: str) -> np.ndarray:
    """Return the item numbers of one split, by their last decimal digit.

    Digits 0 and 1 go to the test set, 2 to the validation set, the others to the training set,
    so a split depends only on the order of the items.

    Args:
        count: Number of items in the whole set.
        split: One of `SPLITS`.

    Returns:
        Item numbers in increasing order, shape (k,), int64; all of them, whatever the split, if
        there are fewer than `SMALLEST_TO_SPLIT`.

    Raises:
        ValueError: If `split` is unknown.
    """
    check_split(split)
    index = np.arange(count, dtype=np.int64)
    if count < SMALLEST_TO_SPLIT:
        return index
    last_digit = index % 10
    if split == "test":
        return index[last_digit <= 1]
    return index[last_digit == 2] if split == "validation" else index[last_digit >= 3]


SHOWN = 16
"""Number of items that notebooks show."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """N items stored compactly and read as float32 values, `value = array * scale`.

    The arrays are kept as read-only views, without a copy, so many environments can share them.

    Attributes:
        name: Name for messages and reports, such as "mnist" or a file's name.
        array: Stored items, shape (N, *shape), uint8 or float32, read-only.
        scale: Factor from stored numbers to values: 1/255 for bytes, 1/16 for Digits, 1 for
            floats.
        low: Smallest value an item may take.
        high: Largest value an item may take.
        labels: Class of each item, shape (N,), int64, read-only; None without classes.

    Raises:
        TypeError: If the array or the labels have an unsupported dtype.
        ValueError: If there is no item, an item's shape is neither (D,) nor (C, height, width)
            with C in {1, 3}, a value is not finite or lies outside [low, high], or the number of
            labels is not N.
    """

    name: str
    array: np.ndarray
    scale: float
    low: float
    high: float
    labels: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check the fields and make the arrays read-only."""
        _check_storage(self.name, self.array)
        _check_bounds(self)
        object.__setattr__(self, "array", _read_only(self.array))
        if self.labels is not None:
            labels = _check_labels(self.name, self.labels, len(self.array))
            object.__setattr__(self, "labels", _read_only(labels))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one item: (C, height, width) for images, (2,) for points."""
        return self.array.shape[1:]

    def __len__(self) -> int:
        """Return the number of items N."""
        return len(self.array)

    def take(self, index: npt.ArrayLike) -> np.ndarray:
        """Return the values of some items.

        Args:
            index: Item numbers, shape (k,), integers in [-N, N).

        Returns:
            Values in [low, high], shape (k, *shape), float32, in new memory.

        Raises:
            TypeError: If `index` is not a 1-D sequence of integers.
            IndexError: If an item number is out of range.
        """
        index = np.asarray(index)
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise TypeError(
                f"take() expects a 1-D sequence of integers, got shape {index.shape} of "
                f"{index.dtype}; for one item write take([i])"
            )
        return np.multiply(self.array[index], np.float32(self.scale), dtype=np.float32)

    def select(self, index: np.ndarray | slice) -> "Dataset":
        """Return a data set of some of the items and their labels.

        Args:
            index: Item numbers, shape (k,), which copy the items, or a slice, which does not.
        """
        labels = None if self.labels is None else self.labels[index]
        return replace(self, array=self.array[index], labels=labels)

    def split(self, name: str) -> "Dataset":
        """Return one split of a set that has no official splits, see `split_indices`."""
        return self.select(split_indices(len(self), name))

    def mean(self) -> np.ndarray:
        """Return the mean item, shape (*shape), float32, accumulated in float64."""
        mean = self.array.mean(axis=0, dtype=np.float64) * self.scale
        return mean.clip(self.low, self.high).astype(np.float32)  # rounding may exceed the bounds

    def __repr__(self) -> str:
        """Return the facts of `describe` in one line."""
        facts = ", ".join(f"{name}={value}" for name, value in self.describe().items())
        return f"{type(self).__name__}({self.name!r}, {facts})"

    def _repr_html_(self) -> str:
        """Return the facts and the first items, for notebooks."""
        shown = self.take(np.arange(min(len(self), SHOWN)))
        return draw_card(
            f"{type(self).__name__} {self.name}",
            self.describe(),
            image_grid(shown, columns=SHOWN // 2, low=self.low, high=self.high),
        )

    def describe(self) -> dict[str, str]:
        """Return what is known of the set: number and shape of items, values, classes."""
        num_classes = "none" if self.labels is None else str(len(np.unique(self.labels)))
        return {
            "items": f"{len(self):,}",
            "shape": str(self.shape),
            "values": f"[{self.low:g}, {self.high:g}]",
            "stored": str(self.array.dtype),
            "classes": num_classes,
        }

    def digest(self) -> str:
        """Return the SHA-256 of the array's shape, dtype and bytes, as 64 hex digits."""
        little_endian = self.array.dtype.newbyteorder("<")  # the same digest on every machine
        stored = np.ascontiguousarray(self.array, dtype=little_endian)
        digest = hashlib.sha256(f"{stored.shape} {self.array.dtype.name} ".encode())
        digest.update(stored.reshape(-1).view(np.uint8).data)  # the bytes themselves, not a copy
        return digest.hexdigest()


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()  # the caller's array stays writable
    view.setflags(write=False)
    return view


def _check_storage(name: str, array: np.ndarray) -> None:
    if not isinstance(array, np.ndarray) or array.dtype not in (np.uint8, np.float32):
        found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"{name}: expected a uint8 or float32 array, got {found}")
    if array.size == 0:
        raise ValueError(f"{name}: expected at least one item, got an array of shape {array.shape}")
    is_points = array.ndim == 2
    is_images = array.ndim == 4 and array.shape[1] in (1, 3)
    if not (is_points or is_images):
        raise ValueError(
            f"{name}: expected shape (N, D) or (N, C, height, width) with C in {{1, 3}}, "
            f"got {array.shape}"
        )


def _check_bounds(dataset: Dataset) -> None:
    if not dataset.scale > 0 or not dataset.low < dataset.high:  # also true for NaN
        raise ValueError(
            f"{dataset.name}: expected scale > 0 and low < high, got scale {dataset.scale}, "
            f"low {dataset.low}, high {dataset.high}"
        )
    if dataset.array.dtype == np.uint8 and dataset.low <= 0 and 255 * dataset.scale <= dataset.high:
        return  # whatever the bytes are; a large file need not be read
    # A NaN or an infinity anywhere in the array makes its minimum or maximum not finite.
    least, most = (float(x) * dataset.scale for x in (dataset.array.min(), dataset.array.max()))
    if not (np.isfinite(least) and np.isfinite(most)):
        raise ValueError(f"{dataset.name}: expected finite values, got NaN or infinity")
    if least < dataset.low or most > dataset.high:
        raise ValueError(
            f"{dataset.name}: expected values in [{dataset.low}, {dataset.high}], got "
            f"[{least:g}, {most:g}]; is scale={dataset.scale:g} right for {dataset.array.dtype}?"
        )


def _check_labels(name: str, labels: np.ndarray, count: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integer labels, got {labels.dtype}")
    if labels.shape != (count,):
        raise ValueError(
            f"{name}: expected one label per item, shape ({count},), got {labels.shape}"
        )
    return labels.astype(np.int64, copy=False)
