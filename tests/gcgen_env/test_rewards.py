"""Rewards: hand numbers, the telescoping sum, every form that `info` takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.rewards import (
    PREVIOUS,
    GoalReward,
    compute_distance,
    gather_info,
    shaping_reward,
)

SHAPE = (1, 4, 3)
LIKELIHOOD = Bernoulli(3)
TYPES = pytest.mark.parametrize("reward_type", ["potential", "distance", "sparse"])

trajectories = arrays(np.float32, (6, *SHAPE), elements=st.floats(0, 1, width=32))


def draw(num):
    """Return images reached, goals and images left, (num, *SHAPE) each."""
    return np.random.default_rng(num).random((3, num, *SHAPE), dtype=np.float32)


def test_shaping_by_hand():
    phi, phi_next = np.array([-10.0, -4.0]), np.array([-6.0, -5.0])
    assert shaping_reward(phi, phi_next, 1.0).tolist() == [4.0, -1.0]
    assert shaping_reward(phi, phi_next, 0.5).tolist() == [7.0, 1.5]


@pytest.mark.parametrize("likelihood", [LIKELIHOOD, Gaussian(3)], ids=lambda x: x.name)
@settings(max_examples=50, deadline=None)
@given(images=trajectories, goal=trajectories)
def test_rewards_of_an_episode_telescope(likelihood, images, goal):
    goals = np.repeat(goal[:1], 5, axis=0)
    total = GoalReward(likelihood).compute(images[1:], goals, images[:-1]).sum()
    first, last = likelihood.potential(images[[0, -1]], goals[:2])
    assert total == pytest.approx(last - first, rel=1e-9, abs=1e-9)


def test_distance_by_hand():
    achieved = np.array([[0, 0, 0, 0], [1, 0, 0, 0]], dtype=np.float32)
    desired = np.array([[0, 0, 0, 1], [0, 1, 1, 1]], dtype=np.float32)
    distance = compute_distance(achieved, desired)
    assert distance.dtype == np.float64 and distance.tolist() == [0.5, 1.0]


def test_distance_of_bytes_does_not_wrap():
    assert compute_distance(np.uint8([[0]]), np.uint8([[255]])).tolist() == [255.0]


def test_distance_and_sparse_rewards_by_hand():
    achieved = np.array([[0, 0], [0.5, 0.5], [1, 1]], dtype=np.float32)
    goal = np.zeros_like(achieved)
    near, far = (GoalReward(Gaussian(1), kind, 0.5) for kind in ("sparse", "distance"))
    assert near.compute(achieved, goal, None).tolist() == [0.0, 0.0, -1.0]
    assert far.compute(achieved, goal, None).tolist() == [0.0, -0.5, -1.0]
    assert near.is_success(np.array([0.0, 0.5, 0.50001])).tolist() == [True, True, False]


@TYPES
@pytest.mark.parametrize("num", [1, 2, 3, 7, 8, 64])
def test_rewards_of_a_batch_are_those_of_each_bit_for_bit(reward_type, num):
    achieved, desired, previous = draw(num)
    reward = GoalReward(LIKELIHOOD, reward_type, success_threshold=0.4)
    together = reward.compute(achieved, desired, previous)
    assert together.shape == (num,) and together.dtype == np.float64
    for b in range(num):
        one = slice(b, b + 1)
        assert reward.compute(achieved[one], desired[one], previous[one])[0] == together[b]


@TYPES
def test_rewards_do_not_depend_on_the_memory_layout(reward_type):
    batch = draw(8)
    reward = GoalReward(LIKELIHOOD, reward_type, success_threshold=0.4)
    expected = reward.compute(*batch)
    np.testing.assert_array_equal(reward.compute(*map(np.asfortranarray, batch)), expected)


def test_distance_does_not_depend_on_the_memory_layout():
    rows = np.random.default_rng(0).standard_normal((2, 64, 35), dtype=np.float32)
    columns = [np.asfortranarray(each) for each in rows]
    np.testing.assert_array_equal(compute_distance(*columns), compute_distance(*rows))


def as_dicts(previous):
    return [{PREVIOUS: image, "step": 1} for image in previous]


def as_objects(previous):
    """Return the infos as an object array, as SB3's vector environments hand them over."""
    infos = np.empty(len(previous), dtype=object)
    infos[:] = as_dicts(previous)
    return infos


@pytest.mark.parametrize(
    "make_info",
    [lambda previous: {PREVIOUS: previous}, as_dicts, lambda p: tuple(as_dicts(p)), as_objects],
    ids=["dict of a batch", "list", "tuple", "object array"],
)
@pytest.mark.parametrize("num", [1, 5])
def test_every_form_of_info_gives_the_same_reward(make_info, num):
    achieved, desired, previous = draw(num)
    reward = GoalReward(LIKELIHOOD)
    np.testing.assert_array_equal(
        reward.compute_from_info(achieved, desired, make_info(previous)),
        reward.compute(achieved, desired, previous),
    )


def test_one_dict_may_hold_one_image():
    achieved, desired, previous = draw(1)
    reward = GoalReward(LIKELIHOOD)
    np.testing.assert_array_equal(
        reward.compute_from_info(achieved, desired, {PREVIOUS: previous[0]}),
        reward.compute(achieved, desired, previous),
    )


@TYPES
def test_an_empty_batch_has_no_rewards(reward_type):
    nothing = np.zeros((0, *SHAPE), dtype=np.float32)
    reward = GoalReward(LIKELIHOOD, reward_type)
    assert reward.compute_from_info(nothing, nothing, []).shape == (0,)


@pytest.mark.parametrize("info", [{}, {"step": 1}, [{PREVIOUS: 0.0}, {}], [{}, {}]], ids=str)
def test_a_missing_previous_image_names_the_remedies(info):
    achieved, desired, _ = draw(2)
    with pytest.raises(ValueError, match=r"(?s)previous_achieved.*GoalReplayBuffer.*copy_info_d"):
        GoalReward(LIKELIHOOD).compute_from_info(achieved, desired, info)


def test_the_previous_image_is_needed_by_shaping_alone():
    achieved, desired, _ = draw(2)
    with pytest.raises(ValueError, match="needs the images left"):
        GoalReward(LIKELIHOOD).compute(achieved, desired, None)
    distance = GoalReward(LIKELIHOOD, "distance").compute_from_info(achieved, desired, {})
    np.testing.assert_array_equal(distance, -compute_distance(achieved, desired))


def test_info_of_another_type_is_refused():
    with pytest.raises(ValueError, match="must be a dict, a list or an array of dicts"):
        gather_info(None, PREVIOUS, 2)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ([{PREVIOUS: np.zeros(SHAPE)}], "one dict for each of the 2 goals, got 1"),
        ([{PREVIOUS: np.zeros(SHAPE)}, 3], "a list or an array of dicts, got a <class 'int'>"),
        ({PREVIOUS: np.zeros(SHAPE)}, r"shape, \(2, 1, 4, 3\) in all, got \(1, 4, 3\)"),
        ({PREVIOUS: np.zeros((2, 4, 3, 1))}, r"in all, got \(2, 4, 3, 1\)"),
        ([{PREVIOUS: np.zeros((4, 3))}] * 2, r"in all, got \(2, 4, 3\)"),
        ([{PREVIOUS: np.zeros(SHAPE)}, {PREVIOUS: 0.0}], r"images of shape \(1, 4, 3\)"),
        ({PREVIOUS: "left"}, r"images of shape \(1, 4, 3\), all of numbers"),
    ],
    ids=["length", "no dict", "unbatched", "layout", "flat", "mixed", "text"],
)
def test_infos_that_do_not_fit_say_what_was_expected(info, message):
    achieved, desired, _ = draw(2)
    with pytest.raises(ValueError, match=message):
        GoalReward(LIKELIHOOD).compute_from_info(achieved, desired, info)
