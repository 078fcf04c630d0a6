"""Digits: the 8 x 8 handwritten digits bundled with scikit-learn."""

from functools import cache

import numpy as np

from gcgen_env.datasets.dataset import Dataset
from gcgen_env.datasets.splits import check_split, split_indices

GREY_LEVELS = 16


@cache
def load_digits(split: str) -> Dataset:
    """Load one split of the 1,797 digits; they have no official split, `split_indices` makes one.

    Args:
        split: One of `SPLITS`.

    Returns:
        Images of shape (1, 8, 8), bytes in 0..16 with scale 1/16, labels 0..9.

    Raises:
        ValueError: If `split` is unknown.
        ImportError: If scikit-learn is not installed.
    """
    check_split(split)
    images, labels = _read_digits()
    index = split_indices(len(images), split)
    return Dataset("digits", images[index], 1 / GREY_LEVELS, 0.0, 1.0, labels[index])


@cache
def _read_digits() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            "the data set 'digits' comes with scikit-learn: pip install scikit-learn"
        ) from error
    bunch = datasets.load_digits()
    images = bunch.images[:, None].astype(np.uint8)  # (1797, 1, 8, 8)
    return images, bunch.target.astype(np.int64)
