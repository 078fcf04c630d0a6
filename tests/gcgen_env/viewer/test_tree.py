"""Trees, time lines and the use of proposals."""

import numpy as np
import pytest

from gcgen_env.viewer.drawing import BACKGROUND, PRIOR
from gcgen_env.viewer.timeline import COLUMNS, timeline
from gcgen_env.viewer.tree import TreeNode, tree_picture
from gcgen_env.viewer.usage import usage_picture

WHITE = np.ones((1, 8, 8))
NONE = np.ones((0, 1, 8, 8))


def make_tree(first=0.5, second=0.25):
    leaves = [TreeNode(WHITE, p, (), np.ones((2, 1, 8, 8))) for p in (first, second)]
    return TreeNode(WHITE, 1.0, tuple(leaves), NONE)


def count(picture, color):
    return int((picture == color).all(-1).sum())


def test_a_tree_shows_every_node_and_every_example():
    picture = tree_picture(make_tree(), ["all", "first", "drawn"])
    assert picture.dtype == np.uint8
    tile = 56**2
    assert 7 * tile <= count(picture, 255) < 7.2 * tile  # three nodes, four examples, letters


def test_a_line_is_as_wide_as_its_probability():
    thick, thin = (count(tree_picture(make_tree(p), [""] * 3), PRIOR) for p in (0.7, 0.1))
    assert thick > 2 * thin > 0


@pytest.mark.parametrize(
    ("root", "titles", "message"),
    [
        (make_tree(), ["one", "two"], "3 titles, got 2"),
        (TreeNode(np.zeros(2), 1.0, (), NONE), ["", ""], r"got \(2,\)"),
    ],
)
def test_wrong_trees_are_refused(root, titles, message):
    with pytest.raises(ValueError, match=message):
        tree_picture(root, titles)


@pytest.mark.parametrize("horizon", [1, 4, 40])
def test_bars_stand_below_the_columns(horizon):
    states = np.ones((horizon + 1, 2, 1, 8, 8))
    picture = timeline(states, [("gain", np.arange(horizon) + 1.0)])
    columns = min(horizon + 1, COLUMNS)
    assert picture.shape[1] == columns * 84 + 4
    bars = (picture == PRIOR).all(-1).sum(0) > 0
    assert not bars[:84].any() and bars[90:].mean() > 0.9
    heights = (picture == PRIOR).all(-1).sum(0)[[130 + 84 * i for i in range(columns - 1)]]
    assert (np.diff(heights) > 0).all() and heights[-1] > 50


def test_a_panel_without_gains_is_drawn():
    picture = timeline(np.ones((3, 1, 1, 8, 8)), [("loss", np.array([-1.0, -2.0]))])
    assert count(picture, PRIOR) == 0


def test_panels_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"got \(3, 1, 1, 8, 8\) and \[\(3,\)\]"):
        timeline(np.ones((3, 1, 1, 8, 8)), [("gain", np.zeros(3))])


def test_the_most_used_proposal_is_bright_and_an_unused_one_dark():
    picture = usage_picture(np.array([[1, 0, 4, 0]]), ["a note"])
    row = picture[20]
    bright = np.flatnonzero((row == PRIOR).all(-1))
    assert len(bright) and bright[0] == 64  # sorted: the first cell
    assert (picture[20, 64 + 3 * 21 + 2] == (27, 31, 40)).all()
    assert (picture[:, -1] == BACKGROUND).all()


@pytest.mark.parametrize("counts", [np.zeros(3), np.zeros((0, 3)), -np.ones((1, 3))])
def test_wrong_counts_are_refused(counts):
    with pytest.raises(ValueError, match="counts"):
        usage_picture(counts, ["note"])
