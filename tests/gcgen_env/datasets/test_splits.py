"""The fixed split by item number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcgen_env.datasets.dataset import SPLITS, split_indices


def test_by_hand() -> None:
    assert split_indices(23, "test").tolist() == [0, 1, 10, 11, 20, 21]
    assert split_indices(23, "validation").tolist() == [2, 12, 22]
    assert split_indices(23, "train").tolist() == [*range(3, 10), *range(13, 20)]


@given(st.integers(20, 500))
def test_splits_partition_the_set(count: int) -> None:
    parts = [split_indices(count, split) for split in SPLITS]
    assert all(len(part) for part in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))


@pytest.mark.parametrize("split", SPLITS)
def test_small_sets_are_not_split(split: str) -> None:
    assert split_indices(19, split).tolist() == list(range(19))


def test_unknown_split() -> None:
    with pytest.raises(ValueError, match="one of 'train', 'validation', 'test', got 'valid'"):
        split_indices(5, "valid")
