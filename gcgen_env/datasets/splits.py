"""Names of the splits, and the fixed split of sets that have no official one."""

import numpy as np

SPLITS = ("train", "validation", "test")

SMALLEST_TO_SPLIT = 20
"""Sets with fewer items are not split: every split is the whole set."""


def check_split(split: str) -> None:
    """Check a split's name.

    Args:
        split: Name to check.

    Raises:
        ValueError: If `split` is not one of `SPLITS`.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(map(repr, SPLITS))}, got {split!r}")


def split_indices(count: int, split: str) -> np.ndarray:
    """Return the item numbers of one split, by their last decimal digit.

    Digits 0 and 1 go to the test set, 2 to the validation set, the others to the training set,
    so a split depends on nothing but the order of the items.

    Args:
        count: Number of items in the whole set.
        split: One of `SPLITS`.

    Returns:
        Item numbers in increasing order, shape (k,), int64. With fewer than `SMALLEST_TO_SPLIT`
        items, all of them whatever the split.

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
    if split == "validation":
        return index[last_digit == 2]
    return index[last_digit >= 3]
