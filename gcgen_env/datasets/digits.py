"""Digits: the 8 x 8 handwritten digits bundled with scikit-learn."""

from functools import cache

import numpy as np

from gcgen_env.datasets.dataset import Dataset


@cache
def load_digits(split: str) -> Dataset:
    """Load one split of the 1,797 digits, by `split_indices`.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    return _read_digits().split(split)


@cache
def _read_digits() -> Dataset:
    try:
        from sklearn import datasets  # slow to import, and only this set needs it
    except ImportError as error:
        raise ImportError(
            "the data set 'digits' is part of scikit-learn: pip install scikit-learn"
        ) from error
    bunch = datasets.load_digits()
    images = bunch.images[:, None].astype(np.uint8)  # (1797, 1, 8, 8)
    return Dataset("digits", images, 1 / 16, 0.0, 1.0, bunch.target)  # 17 grey levels
