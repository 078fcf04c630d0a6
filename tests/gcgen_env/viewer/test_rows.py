"""Rows of images with labels."""

import numpy as np
import pytest

from gcgen_env.viewer.drawing import BACKGROUND
from gcgen_env.viewer.rows import labelled_rows

WHITE = np.ones((3, 1, 8, 8))


def test_rows_of_different_lengths_are_drawn_below_each_other():
    picture = labelled_rows([("first", WHITE), ("the second", WHITE[:1])])
    assert picture.dtype == np.uint8 and picture.shape[0] == 2 * (80 + 2 * 4)
    left = picture.shape[1] - (3 * 84 + 4)
    tiles = picture[:, left:]
    assert (tiles[4:84, 4:84] == 255).all() and (tiles[92:172, 4:84] == 255).all()
    assert (tiles[92:172, 88:] == BACKGROUND).all()  # the second row is shorter
    labels = picture[:, :left]
    assert (labels[:88] != BACKGROUND).any() and (labels[88:] != BACKGROUND).any()


def test_labels_fit_whatever_their_length():
    short, long = (labelled_rows([(text, WHITE)]) for text in ("a", "a much longer label"))
    assert long.shape[1] > short.shape[1]
    assert (long[:, 0] == BACKGROUND).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "at least one row"),
        ([("points", np.zeros((3, 2)))], "points have no rows"),
        ([("none", WHITE[:0])], "at least one"),
        ([("bad", WHITE * np.nan)], "finite"),
    ],
)
def test_wrong_rows_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        labelled_rows(rows)
