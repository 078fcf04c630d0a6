"""Rewards: each class against hand numbers, the telescoping sum, batches of any size."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gcgen_env.config import REWARD_TYPES, EnvConfig
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.rewards import (
    DistanceReward,
    PotentialReward,
    SparseReward,
    compute_distance,
    make_reward,
    measure,
    shaping_reward,
)

SHAPE = (1, 4, 3)
LIKELIHOOD = Bernoulli(3)
CONFIG = EnvConfig(gamma=0.5, success_threshold=0.4)
EACH = pytest.mark.parametrize("reward_type", REWARD_TYPES)
LIKELIHOODS = pytest.mark.parametrize("likelihood", [LIKELIHOOD, Gaussian(3)], ids=lambda x: x.name)
UNUSED = np.full(3, np.nan)

trajectories = arrays(np.float32, (6, *SHAPE), elements=st.floats(0, 1, width=32))


def draw(num):
    """Return images after a step, goals and images before it, (num, *SHAPE) each."""
    return np.random.default_rng(num).random((3, num, *SHAPE), dtype=np.float32)


def make(reward_type, likelihood=LIKELIHOOD):
    return make_reward(replace(CONFIG, reward_type=reward_type), likelihood)


def test_shaping_by_hand():
    phi, phi_next = np.array([-10.0, -4.0]), np.array([-6.0, -5.0])
    assert shaping_reward(phi, phi_next, 1.0).tolist() == [4.0, -1.0]
    assert shaping_reward(phi, phi_next, 0.5).tolist() == [7.0, 1.5]


def test_distance_by_hand():
    achieved = np.array([[0, 0, 0, 0], [1, 0, 0, 0]], dtype=np.float32)
    desired = np.array([[0, 0, 0, 1], [0, 1, 1, 1]], dtype=np.float32)
    distance = compute_distance(achieved, desired)
    assert distance.dtype == np.float64 and distance.tolist() == [0.5, 1.0]


def test_distance_of_bytes_does_not_wrap():
    assert compute_distance(np.uint8([[0]]), np.uint8([[255]])).tolist() == [255.0]


@LIKELIHOODS
def test_both_measures_together_are_each_alone_bit_for_bit(likelihood):
    achieved, goal, _ = draw(7)
    for desired in (goal, goal.round()):  # grey and binary goals
        potential, distance = measure(likelihood, achieved, desired)
        np.testing.assert_array_equal(potential, likelihood.potential(achieved, desired))
        np.testing.assert_array_equal(distance, compute_distance(achieved, desired))


class TestPotentialReward:
    def test_of_a_step_by_hand(self):
        phi, phi_next = np.array([-10.0, -4.0, 0.0]), np.array([-6.0, -5.0, 2.0])
        reward = PotentialReward(LIKELIHOOD, gamma=0.5)
        assert reward.of_step(phi, phi_next, UNUSED).tolist() == [7.0, 1.5, 1.0]

    @pytest.mark.parametrize("gamma", [1.0, 0.5, 0.0])
    def test_of_images_by_hand(self, gamma):
        before = np.array([[0.25, 0.5]], dtype=np.float32)
        after, goal = np.array([[0.5, 0.75]], dtype=np.float32), np.array([[1.0, 0.0]])
        phi, phi_next = np.log(0.25 * 0.5), np.log(0.5 * 0.25)
        reward = PotentialReward(Bernoulli(1), gamma).compute(after, goal, before)
        np.testing.assert_allclose(reward, [gamma * phi_next - phi], rtol=1e-12)

    def test_of_points_by_hand(self):
        reward = PotentialReward(Gaussian(1, -1.0, 1.0, sigma=0.5))
        before, after, goal = (np.array([x]) for x in ([0.0, 0.0], [0.5, 0.0], [1.0, -1.0]))
        # |g - x|^2 / (2 sigma^2) is 4 before the step and 2.5 after it
        np.testing.assert_allclose(reward.compute(after, goal, before), [1.5], rtol=1e-12)

    @LIKELIHOODS
    @settings(max_examples=50, deadline=None)
    @given(images=trajectories, goal=trajectories)
    def test_rewards_of_an_episode_telescope(self, likelihood, images, goal):
        goals = np.repeat(goal[:1], 5, axis=0)
        total = PotentialReward(likelihood).compute(images[1:], goals, images[:-1]).sum()
        first, last = likelihood.potential(images[[0, -1]], goals[:2])
        assert total == pytest.approx(last - first, rel=1e-9, abs=1e-9)

    def test_it_alone_needs_the_previous_image(self):
        needs = {name: make(name).needs_previous for name in REWARD_TYPES}
        assert needs == {"potential": True, "distance": False, "sparse": False}


ACHIEVED = np.array([[0, 0], [0.5, 0.5], [1, 1]], dtype=np.float32)
ORIGIN = np.zeros_like(ACHIEVED)


class TestDistanceReward:
    def test_by_hand(self):
        reward = DistanceReward()
        assert reward.compute(ACHIEVED, ORIGIN).tolist() == [0.0, -0.5, -1.0]
        distance = np.array([0.0, 0.5, 2.0])
        assert reward.of_step(UNUSED, UNUSED, distance).tolist() == [0.0, -0.5, -2.0]


class TestSparseReward:
    def test_by_hand(self):
        assert SparseReward(0.5).compute(ACHIEVED, ORIGIN).tolist() == [0.0, 0.0, -1.0]
        assert SparseReward(0.25).compute(ACHIEVED, ORIGIN).tolist() == [0.0, -1.0, -1.0]

    def test_a_distance_equal_to_the_threshold_is_a_success(self):
        distance = np.array([0.0, 0.5, 0.50001])
        reward = SparseReward(0.5).of_step(UNUSED, UNUSED, distance)
        assert reward.dtype == np.float64 and reward.tolist() == [0.0, 0.0, -1.0]


class TestEveryType:
    def test_the_table_makes_them_from_a_configuration(self):
        assert make("potential") == PotentialReward(LIKELIHOOD, 0.5)
        assert make("distance") == DistanceReward()
        assert make("sparse") == SparseReward(0.4)
        default = make_reward(replace(CONFIG, gamma=1), LIKELIHOOD)
        assert default == PotentialReward(LIKELIHOOD)

    @EACH
    def test_the_scale_multiplies_steps_and_images(self, reward_type):
        achieved, desired, previous = draw(8)
        config = replace(CONFIG, reward_type=reward_type)
        plain = make_reward(config, LIKELIHOOD)
        scaled = make_reward(replace(config, reward_scale=0.25), LIKELIHOOD)
        assert scaled.needs_previous == plain.needs_previous
        np.testing.assert_array_equal(
            scaled.compute(achieved, desired, previous),
            0.25 * plain.compute(achieved, desired, previous),
        )
        phi, _ = measure(LIKELIHOOD, previous, desired)
        step = (phi, *measure(LIKELIHOOD, achieved, desired))
        np.testing.assert_array_equal(scaled.of_step(*step), 0.25 * plain.of_step(*step))

    @EACH
    @LIKELIHOODS
    def test_a_step_is_paid_as_its_images_bit_for_bit(self, reward_type, likelihood):
        achieved, desired, previous = draw(8)
        reward = make(reward_type, likelihood)
        phi, _ = measure(likelihood, previous, desired)
        phi_next, distance = measure(likelihood, achieved, desired)
        np.testing.assert_array_equal(
            reward.of_step(phi, phi_next, distance), reward.compute(achieved, desired, previous)
        )

    @EACH
    @pytest.mark.parametrize("num", [0, 1, 2, 3, 7, 8, 64])
    def test_rewards_of_a_batch_are_those_of_each_bit_for_bit(self, reward_type, num):
        achieved, desired, previous = draw(num)
        reward = make(reward_type)
        together = reward.compute(achieved, desired, previous)
        assert together.shape == (num,) and together.dtype == np.float64
        for b in range(num):
            one = slice(b, b + 1)
            assert reward.compute(achieved[one], desired[one], previous[one])[0] == together[b]

    @EACH
    def test_rewards_do_not_depend_on_the_memory_layout(self, reward_type):
        batch, reward = draw(8), make(reward_type)
        expected = reward.compute(*batch)
        np.testing.assert_array_equal(reward.compute(*map(np.asfortranarray, batch)), expected)


def test_distance_does_not_depend_on_the_memory_layout():
    images = np.random.default_rng(0).standard_normal((2, 64, 35), dtype=np.float32)
    columns = [np.asfortranarray(each) for each in images]
    np.testing.assert_array_equal(compute_distance(*columns), compute_distance(*images))
