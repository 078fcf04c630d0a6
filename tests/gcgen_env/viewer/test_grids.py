"""Pictures of many states: exact sizes, exact places, points wherever images go."""

import numpy as np
import pytest

from gcgen_env.viewer import (
    image_grid,
    nearest_grid,
    reconstruction_grid,
    scatter_plot,
    trajectory_grid,
)
from gcgen_env.viewer.drawing import BACKGROUND
from gcgen_env.viewer.grids import PAIR_GAP
from gcgen_env.viewer.mosaic import LABEL_HEIGHT, LABEL_WIDTH


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "height", "width"),
    [
        ((20, 1, 8, 8), 3 * 84 + 4, 8 * 84 + 4),  # 80-pixel tiles
        ((8, 1, 28, 28), 1 * 88 + 4, 8 * 88 + 4),  # 84-pixel tiles
        ((3, 3, 64, 64), 1 * 68 + 4, 3 * 68 + 4),
        ((1, 3, 32, 16), 1 * 100 + 4, 1 * 52 + 4),
    ],
)
def test_image_grid_has_the_expected_size(rng, shape, height, width):
    grid = image_grid(rng.random(shape))
    assert grid.shape == (height, width, 3) and grid.dtype == np.uint8


def test_image_grid_places_pixels_exactly():
    images = np.zeros((3, 3, 2, 2))
    images[1, 0, 0, 1] = 1.0  # second image: its upper right pixel is red
    grid = image_grid(images, columns=2, scale=2, padding=1)
    assert grid.shape == (2 * 5 + 1, 2 * 5 + 1, 3)
    rows, columns = np.nonzero((grid == (255, 0, 0)).all(axis=-1))
    assert (set(rows), set(columns)) == ({1, 2}, {8, 9})
    assert (grid[6:10, 6:10] == BACKGROUND).all()  # no fourth image
    assert (grid[6:10, 1:5] == 0).all()


def test_bounds_are_black_and_white_and_values_beyond_are_clipped():
    images = np.array([-5.0, -1.0, 0.0, 1.0, 5.0]).reshape(5, 1, 1, 1)
    grid = image_grid(images, columns=5, scale=1, low=-1.0, high=1.0, padding=0)
    assert grid[0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_trajectory_grid_runs_left_to_right_under_labels(rng):
    trajectories = rng.random((5, 3, 1, 8, 8))
    grid = trajectory_grid(trajectories)
    assert grid.shape == (LABEL_HEIGHT + 3 * 84 + 4, 5 * 84 + 4, 3)
    upper_left = grid[LABEL_HEIGHT + 4 :: 84, 4::84, 0][:3, :5]
    assert np.array_equal(upper_left, np.rint(255 * trajectories[:, :, 0, 0, 0].T))
    assert not (grid[:LABEL_HEIGHT] == BACKGROUND).all()


def test_long_trajectories_are_drawn_in_part(rng):
    """The first and the last state, and more of the early ones; all of short ones."""
    for horizon in (16, 17, 64, 500):
        trajectories = (
            np.linspace(0, 1, horizon + 1).reshape(-1, 1, 1, 1, 1).repeat(8, 3).repeat(8, 4)
        )
        grid = trajectory_grid(trajectories)
        shown = grid[LABEL_HEIGHT + 4, 4::84, 0].astype(int)
        assert shown[0] == 0 and shown[-1] == 255
        assert len(shown) <= 17
        if horizon == 16:
            assert len(shown) == 17
        else:
            assert np.diff(shown)[0] < np.diff(shown)[-1]


def test_reconstruction_grid_puts_goals_above(rng):
    goals, rebuilt = np.zeros((5, 1, 8, 8)), np.ones((5, 1, 8, 8))
    grid = reconstruction_grid(goals, rebuilt, columns=3)
    pair = 2 * 84 + 4
    assert grid.shape == (2 * pair + PAIR_GAP, LABEL_WIDTH + 3 * 84 + 4, 3)
    column = grid[:, LABEL_WIDTH + 10, 0]
    for top in (0, pair + PAIR_GAP):
        assert (column[top + 4 : top + 84] == 0).all()
        assert (column[top + 88 : top + 168] == 255).all()


def test_points_go_wherever_images_go(rng):
    points = rng.random((4, 20, 2))
    assert np.array_equal(image_grid(points[0]), scatter_plot(points[0], 0.0, 1.0))
    pictures = [trajectory_grid(points), reconstruction_grid(points[0], points[1])]
    assert all(p.shape == (480, 480, 3) and p.dtype == np.uint8 for p in pictures)


def test_scatter_plot_draws_each_part(rng):
    points, reference = rng.random((10, 2)), rng.random((200, 2))
    plain = scatter_plot(points, 0.0, 1.0)
    with_reference = scatter_plot(points, 0.0, 1.0, reference=reference)
    paths = scatter_plot(points, 0.0, 1.0, trajectories=np.stack([0 * points, points]))
    assert not np.array_equal(plain, with_reference)
    assert not np.array_equal(plain, paths)


def test_scatter_plot_puts_a_point_up_and_to_the_right():
    rows, columns = np.nonzero(blue(scatter_plot(np.array([[0.9, 0.9]]), -1.0, 1.0)))
    assert rows.mean() < 100 and columns.mean() > 380


def test_axes_widen_for_points_outside():
    inside = scatter_plot(np.array([[1.0, 1.0]]), -1.25, 1.25)
    widened = scatter_plot(np.array([[1.25, 0.0], [1.0, 1.0]]), -1.0, 1.0)
    place = np.argwhere(blue(inside)).mean(axis=0).round().astype(int)
    assert blue(widened)[tuple(place)]


def blue(picture):
    """Tell which pixels have the hue of the dots rather than a grey."""
    return picture[..., 2].astype(int) - picture[..., 0] > 60


@pytest.mark.parametrize("shape", [(0, 1, 8, 8), (0, 2), (3, 2, 8, 8), (8, 8), (3, 8, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="Expected"):
        image_grid(np.zeros(shape))


@pytest.mark.parametrize("options", [{"columns": 0}, {"scale": 0}, {"padding": -1}, {"low": 2.0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="Expected"):
        image_grid(np.zeros((2, 1, 8, 8)), **options)


@pytest.mark.parametrize("shape", [(4, 1, 8, 8), (4, 2)])
def test_nan_is_refused(shape):
    bad = np.full(shape, np.nan)
    for draw in (
        lambda: image_grid(bad),
        lambda: trajectory_grid(bad[None]),
        lambda: reconstruction_grid(np.zeros(shape), bad),
        lambda: scatter_plot(np.full((3, 2), np.nan), 0.0, 1.0),
    ):
        with pytest.raises(ValueError, match="NaN"):
            draw()


def test_goals_and_reconstructions_must_pair_up():
    with pytest.raises(ValueError, match="the same shape"):
        reconstruction_grid(np.zeros((3, 1, 8, 8)), np.zeros((2, 1, 8, 8)))


def test_nearest_grid_puts_samples_above_and_distances_below():
    samples, nearest = np.zeros((5, 1, 8, 8)), np.ones((5, 1, 8, 8))
    grid = nearest_grid(samples, nearest, np.linspace(0, 1, 5), columns=3)
    block = 2 * 84 + 4 + LABEL_HEIGHT
    assert grid.shape == (2 * block + PAIR_GAP, LABEL_WIDTH + 3 * 84 + 4, 3)
    for top in (0, block + PAIR_GAP):
        first = LABEL_WIDTH + 4
        assert (grid[top + 4 : top + 84, first : first + 80] == 0).all()
        assert (grid[top + 88 : top + 168, first : first + 80] == 255).all()
        caption = grid[top + block - LABEL_HEIGHT : top + block]
        assert not (caption[:, first : first + 80] == BACKGROUND).all()
    last = LABEL_WIDTH + 4 + 2 * 84  # there is no sixth sample
    assert (grid[block + PAIR_GAP :, last:] == BACKGROUND).all()


def test_nearest_grid_of_points_is_a_scatter_plot(rng):
    samples, nearest = rng.random((2, 6, 2))
    pairs = np.stack([nearest, samples])
    expected = scatter_plot(samples, 0.0, 1.0, reference=nearest, trajectories=pairs)
    np.testing.assert_array_equal(nearest_grid(samples, nearest, np.zeros(6)), expected)


def test_nearest_grid_wants_one_distance_for_each_sample(rng):
    images = rng.random((5, 1, 8, 8))
    with pytest.raises(ValueError, match="one distance for each sample, got \\(4,\\) for 5"):
        nearest_grid(images, images, np.zeros(4))
    with pytest.raises(ValueError, match="samples and nearest of the same shape"):
        nearest_grid(images, images[:4], np.zeros(5))
