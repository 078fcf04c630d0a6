"""The picture of one decision, and which frames are refused."""

import numpy as np
import pytest

from gcgen_env.viewer import render_ansi, render_rgb
from gcgen_env.viewer.drawing import ACCENT, GOAL, PRIOR
from gcgen_env.viewer.frame import HEADER
from gcgen_env.viewer.tiles import BAR_GAP, MARGIN, TITLE, make_layout
from tests.gcgen_env.viewer.sample_frames import SHAPES, make_sample_frame


def count_color(picture, color):
    return int((picture == color).all(axis=-1).sum())


def tile_box(shape, num_proposals, index):
    """Return the slices of a proposal's tile in the picture."""
    layout = make_layout(num_proposals, *shape[1:])
    row, column = divmod(index, layout.columns)
    top = HEADER + TITLE + row * layout.cell[1]
    left = layout.grid_left + column * layout.cell[0]
    height, width = (side * layout.scale for side in shape[1:])
    return slice(top, top + height), slice(left, left + width)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("num_proposals", [2, 5, 32])
def test_size_depends_on_proposals_and_shape_only(shape, num_proposals):
    first = make_sample_frame(shape, num_proposals, step=0, distance=0.0)
    mask = np.arange(num_proposals) == 1
    prior = np.where(mask, 0.0, -np.inf)
    last = first._replace(step=10, distance=1e6, chosen=1, action_mask=mask, log_prior=prior)
    pictures = [render_rgb(first), render_rgb(last)]
    assert pictures[0].shape == pictures[1].shape
    assert pictures[0].shape[2] == 3 and pictures[0].dtype == np.uint8
    assert pictures[0].shape[0] % 2 == 0 and pictures[0].shape[1] % 2 == 0
    assert not np.array_equal(*pictures)


@pytest.mark.parametrize("num_proposals", [2, 3, 7, 16, 64, 100, 256])
@pytest.mark.parametrize("side", [8, 28, 64])
def test_layout_holds_every_tile_at_a_readable_size(num_proposals, side):
    layout = make_layout(num_proposals, side, side)
    rows, columns = tile_box((1, side, side), num_proposals, num_proposals - 1)
    assert columns.stop <= layout.size[0] - MARGIN
    assert rows.stop - HEADER + BAR_GAP <= layout.size[1]
    assert side * layout.scale >= 44
    assert layout.big_scale >= layout.scale
    assert layout.goal_top + TITLE + side * layout.big_scale <= layout.size[1]


@pytest.mark.parametrize(("num_proposals", "columns"), [(2, 2), (8, 4), (32, 8), (256, 16)])
def test_powers_of_two_fill_their_rows(num_proposals, columns):
    assert make_layout(num_proposals, 28, 28).columns == columns


def test_a_tile_shows_its_proposal_in_its_own_colours():
    shape = (3, 8, 8)
    frame = make_sample_frame(shape)
    rows, columns = tile_box(shape, 8, 5)
    scale = make_layout(8, 8, 8).scale
    shown = render_rgb(frame)[rows, columns][::scale, ::scale]
    expected = np.rint(255 * frame.proposals[5].transpose(1, 2, 0))
    assert np.array_equal(shown, expected)


def test_state_and_goal_are_on_the_left():
    shape = (3, 8, 8)
    red, blue = np.zeros(shape), np.zeros(shape)
    red[0], blue[2] = 1.0, 1.0
    picture = render_rgb(
        make_sample_frame(shape, state=red, goal=blue, proposals=np.zeros((8, *shape)))
    )
    layout = make_layout(8, 8, 8)
    area = (8 * layout.big_scale) ** 2
    for color, top in (((255, 0, 0), 0), ((0, 0, 255), layout.goal_top)):
        rows, columns = np.nonzero((picture == color).all(axis=-1))
        assert len(rows) == area
        assert (rows.min(), columns.min()) == (HEADER + top + TITLE, MARGIN)


def test_invalid_proposals_are_dimmed():
    shape = (1, 8, 8)
    mask = np.arange(8) != 2
    proposals = np.full((8, *shape), 0.8)
    picture = render_rgb(make_sample_frame(shape, action_mask=mask, proposals=proposals))
    brightness = [picture[tile_box(shape, 8, index)].mean() for index in range(8)]
    assert brightness[2] < 0.5 * min(brightness[:2] + brightness[3:])


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_only_a_choice_shows_the_accent_colour(shape):
    frame = make_sample_frame(shape)
    assert count_color(render_rgb(frame), ACCENT) == 0
    assert count_color(render_rgb(frame._replace(chosen=0)), ACCENT) > 50


def test_the_frame_is_around_the_chosen_tile():
    shape = (1, 8, 8)
    picture = render_rgb(make_sample_frame(shape, chosen=6))
    rows, columns = tile_box(shape, 8, 6)
    assert np.array_equal(picture[rows.start - 1, columns.start], ACCENT)
    assert np.array_equal(picture[rows.stop, columns.stop], ACCENT)


def test_bars_are_as_long_as_the_prior():
    shape = (1, 8, 8)
    log_prior = np.array([np.log(0.5), np.log(0.25), np.log(0.25), -np.inf])
    picture = render_rgb(make_sample_frame(shape, 4, log_prior=log_prior))
    lengths = []
    for index in range(4):
        rows, columns = tile_box(shape, 4, index)
        lengths.append(count_color(picture[rows.stop + BAR_GAP, columns], PRIOR))
    width = columns.stop - columns.start
    assert lengths == [width, width / 2, width / 2, 0]


def test_points_dim_invalid_proposals_and_show_the_goal():
    frame = make_sample_frame((2,))
    valid = render_rgb(frame)
    invalid = render_rgb(frame._replace(action_mask=np.arange(8) == 0))
    assert count_color(invalid, PRIOR) < count_color(valid, PRIOR)
    assert count_color(valid, GOAL) > 50


def test_points_outside_the_bounds_are_drawn_at_the_edge():
    far = render_rgb(make_sample_frame((2,), goal=np.array([50.0, 0.5])))
    edge = render_rgb(make_sample_frame((2,), goal=np.array([1.0, 0.5])))
    assert np.array_equal(far, edge)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state": np.full((1, 8, 8), np.nan)}, "finite state"),
        ({"goal": np.full((1, 8, 8), np.inf)}, "finite goal"),
        ({"proposals": np.full((8, 1, 8, 8), np.nan)}, "finite proposals"),
        ({"distance": np.nan}, "finite distance"),
        ({"log_prior": np.full(8, np.nan)}, "log_prior"),
        ({"log_prior": np.full(8, -np.inf)}, "log_prior"),
        ({"log_prior": np.zeros(7)}, r"log_prior of shape \(8,\), got \(7,\)"),
        ({"state": np.zeros((2, 8, 8))}, r"got \(2, 8, 8\)"),
        ({"goal": np.zeros((1, 8, 9))}, r"goal of shape \(1, 8, 8\), got \(1, 8, 9\)"),
        ({"chosen": 8}, "chosen in 0..7"),
        ({"chosen": -1}, "chosen in 0..7"),
        ({"step": 11}, "step in 0..10"),
        ({"low": 1.0}, "low < high"),
    ],
)
@pytest.mark.parametrize("render", [render_rgb, render_ansi])
def test_frames_that_make_no_sense_are_refused(render, fields, message):
    with pytest.raises(ValueError, match=message):
        render(make_sample_frame((1, 8, 8), **fields))
