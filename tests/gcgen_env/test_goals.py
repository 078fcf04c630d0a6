"""Goals: uniform draws, fresh binarisation, checks of what the user gives."""

from types import SimpleNamespace

import numpy as np
import pytest

from gcgen_env.datasets import Dataset
from gcgen_env.goals import GoalSampler

SHAPE = (1, 2, 2)
GREY = np.array([0, 64, 128, 255], dtype=np.uint8).reshape(1, *SHAPE)


def make(array=GREY, binarize=True, low=0.0):
    scale = 1 / 255 if array.dtype == np.uint8 else 1.0
    return GoalSampler(Dataset("toy", array, scale, low, 1.0), binarize)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_binarisation_has_the_frequency_of_the_grey_level():
    goals = make().take(np.zeros(40_000, dtype=np.int64), rng())
    assert goals.shape == (40_000, *SHAPE) and goals.dtype == np.float32
    assert set(np.unique(goals)) == {0, 1}
    # Standard error at most 0.5 / sqrt(40000) = 0.0025; four of them.
    np.testing.assert_allclose(goals.mean(axis=0).ravel(), [0, 64 / 255, 128 / 255, 1], atol=0.01)
    assert (goals[:, 0, 0, 0] == 0).all() and (goals[:, 0, 1, 1] == 1).all()


def test_black_is_never_drawn_white():
    lowest = SimpleNamespace(random=lambda shape, dtype: np.zeros(shape, dtype))
    assert make().take([0], lowest).tolist() == [[[[0, 1], [1, 1]]]]


def test_grey_goals_stay_grey_and_draw_nothing():
    generator, untouched = rng(), rng()
    goals = make(binarize=False).take([0, 0], generator)
    np.testing.assert_allclose(goals[1], GREY[0] / 255, rtol=1e-6)
    assert generator.random() == untouched.random()


def test_indices_are_uniform_and_say_which_image_was_taken():
    array = np.arange(5, dtype=np.float32).reshape(5, 1) / 4
    index, goals = make(array, binarize=False).sample(20_000, rng())
    np.testing.assert_array_equal(goals[:, 0], array[index, 0])
    # Each count has mean 4000 and standard deviation 57; four of them.
    np.testing.assert_allclose(np.bincount(index), 4000, atol=228)


@pytest.mark.parametrize("binarize", [True, False])
def test_draws_depend_on_the_generator_alone(binarize):
    sampler = make(rng(9).random((50, *SHAPE), dtype=np.float32), binarize)
    first, again, other = (sampler.sample(20, rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


def test_every_draw_is_binarised_afresh():
    sampler, generator = make(np.full((1, 100), 128, np.uint8)), rng()
    first, second = (sampler.take([0], generator) for _ in range(2))
    assert (first != second).any()


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([1], r"\[0, 1\), got \[1\]"),
        ([-1], r"\[0, 1\), got \[-1\]"),
        ([0.0], "integers, got float64"),
        ([True], "integers, got bool"),
    ],
)
def test_wrong_indices_are_named(index, message):
    with pytest.raises(ValueError, match=f"goal_index must .*{message}"):
        make().take(index, rng())


def test_one_goal_serves_all_and_has_its_own_memory():
    goal = np.full(SHAPE, 0.5)
    goals = make().check(goal, 3)
    assert goals.shape == (3, *SHAPE) and goals.dtype == np.float32
    goals[0] = 0
    assert (goals[1:] == 0.5).all() and (goal == 0.5).all()


def test_several_goals_keep_their_order_and_their_own_memory():
    given = rng().random((3, *SHAPE), dtype=np.float32)
    goals = make().check(given, 3)
    np.testing.assert_array_equal(goals, given)
    assert not np.shares_memory(goals, given)


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (np.zeros((2, 2)), r"shape \(1, 2, 2\) or \(3, 1, 2, 2\), got \(2, 2\)"),
        (np.zeros((2, *SHAPE)), r"got \(2, 1, 2, 2\)"),
        (np.full(SHAPE, np.nan), r"finite and within \[0, 1\]"),
        (np.full(SHAPE, np.inf), r"finite and within \[0, 1\]"),
        (np.full(SHAPE, 1.5), r"finite and within \[0, 1\]"),
        (np.full(SHAPE, -0.5), r"finite and within \[0, 1\]"),
    ],
)
def test_wrong_goals_are_named(goal, message):
    with pytest.raises(ValueError, match=f"^initial_state must .*{message}"):
        make().check(goal, 3, "initial_state")


def test_bounds_are_those_of_the_data():
    sampler = make(np.float32([[-1, 1]]), binarize=False, low=-1.0)
    assert sampler.check([-1, 1], 2).tolist() == [[-1, 1], [-1, 1]]
