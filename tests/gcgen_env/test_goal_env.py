"""The goal methods: rewards and ends of any transitions, every form of `info`, proposals."""

import re

import numpy as np
import pytest

from gcgen_env import GCGenEnv, GCGenVectorEnv, default_kwargs
from gcgen_env.config import REWARD_TYPES
from gcgen_env.goal_env import PREVIOUS
from gcgen_env.rewards import compute_distance
from tests.gcgen_env.sample_proposers import CountingProposer, OnlyPropose

DIGITS = {**default_kwargs("GCGen-Digits-v0"), "proposer": "dictionary"}
SHAPE = (1, 8, 8)
ACTIONS = np.array([1, 5, 2])
EACH_REWARD = pytest.mark.parametrize("reward_type", REWARD_TYPES)


def make_digits(**kwargs):
    return GCGenEnv(**{**DIGITS, **kwargs})


def make_envs(num_envs=3, **kwargs):
    return GCGenVectorEnv(num_envs, **{**DIGITS, **kwargs})


def draw(num):
    """Return images after a step, goals and images before it, (num, *SHAPE) each."""
    return np.random.default_rng(num).random((3, num, *SHAPE), dtype=np.float32)


def as_dicts(previous):
    return [{PREVIOUS: image, "step": 1} for image in previous]


def as_objects(previous):
    """Return the infos as an object array, in which SB3's vector environments pass them."""
    infos = np.empty(len(previous), dtype=object)
    infos[:] = as_dicts(previous)
    return infos


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@EACH_REWARD
def test_images_that_are_not_finite_are_named(bad, reward_type):
    env = make_digits(reward_type=reward_type)
    names = ["achieved_goal", "desired_goal"]
    if reward_type == "potential":
        names.append(f"info['{PREVIOUS}']")
    for i, name in enumerate(names):
        images = draw(4)
        images[i, 2, 0, 3, 3] = bad
        achieved, desired, previous = images
        with pytest.raises(
            ValueError, match=rf"{re.escape(name)} must hold finite numbers, got NaN"
        ):
            env.compute_reward(achieved, desired, as_dicts(previous))
        with pytest.raises(
            ValueError, match=rf"{re.escape(name)} must hold finite numbers, got NaN"
        ):
            env.compute_reward(achieved[2], desired[2], as_dicts(previous)[2])
    with pytest.raises(ValueError, match="observation must hold finite numbers, got NaN"):
        env.compute_proposals(np.full((1, *SHAPE), bad), [0.0])


@pytest.mark.parametrize("kind", [object, str, complex])
def test_images_of_another_dtype_are_named(kind):
    images = np.zeros(SHAPE).astype(kind)
    with pytest.raises(ValueError, match=r"desired_goal must hold finite numbers, got .* or"):
        make_digits().compute_reward(np.zeros(SHAPE), images, {PREVIOUS: np.zeros(SHAPE)})


class TestComputeReward:
    @pytest.mark.parametrize(
        "make_info",
        [lambda previous: {PREVIOUS: previous}, as_dicts, lambda p: tuple(as_dicts(p)), as_objects],
        ids=["dict of a batch", "list", "tuple", "object array"],
    )
    @pytest.mark.parametrize("num", [1, 5])
    def test_every_form_of_info_gives_the_same_reward(self, make_info, num):
        achieved, desired, previous = draw(num)
        env = make_digits(gamma=0.9)
        rewards = env.compute_reward(achieved, desired, make_info(previous))
        assert rewards.shape == (num,) and rewards.dtype == np.float64
        potential = env.episodes.chain.likelihood.potential
        expected = 0.9 * potential(achieved, desired) - potential(previous, desired)
        np.testing.assert_array_equal(rewards, expected)

    def test_one_dict_may_hold_one_image(self):
        env, (achieved, desired, previous) = make_digits(), draw(1)
        expected = env.compute_reward(achieved, desired, as_dicts(previous))
        one = env.compute_reward(achieved, desired, {PREVIOUS: previous[0]})
        np.testing.assert_array_equal(one, expected)

    @EACH_REWARD
    def test_a_single_image_gives_a_float(self, reward_type):
        env, (achieved, desired, previous) = make_digits(reward_type=reward_type), draw(2)
        together = env.compute_reward(achieved, desired, {PREVIOUS: previous})
        for b in range(2):
            one = env.compute_reward(achieved[b], desired[b], {PREVIOUS: previous[b]})
            assert type(one) is float and one == together[b]

    @EACH_REWARD
    def test_an_empty_batch_has_no_rewards(self, reward_type):
        empty = np.zeros((0, *SHAPE), dtype=np.float32)
        rewards = make_digits(reward_type=reward_type).compute_reward(empty, empty, [])
        assert rewards.shape == (0,) and rewards.dtype == np.float64

    @EACH_REWARD
    @pytest.mark.parametrize("nucleus", [1.0, 0.7])
    def test_rewards_of_a_step_are_recomputed_exactly(self, reward_type, nucleus):
        envs = make_envs(proposer=OnlyPropose(), nucleus=nucleus, reward_type=reward_type)
        obs, _ = envs.reset(seed=0)
        for _ in range(8):
            obs, reward, terminated, truncated, info = envs.step(ACTIONS)
            goals = obs["achieved_goal"], obs["desired_goal"], info
            np.testing.assert_array_equal(envs.compute_reward(*goals), reward)
            np.testing.assert_array_equal(envs.compute_terminated(*goals), terminated)
            np.testing.assert_array_equal(envs.compute_truncated(*goals), truncated)

    @pytest.mark.parametrize(
        "info", [{}, {"step": 1}, [{PREVIOUS: 0.0}, {}], [{}, {}], {PREVIOUS: None}], ids=str
    )
    def test_a_missing_previous_image_names_the_remedies(self, info):
        achieved, desired, _ = draw(2)
        with pytest.raises(ValueError, match=r"(?s)previous_achieved.*GoalReplayBuffer.*copy_info"):
            make_digits().compute_reward(achieved, desired, info)

    @pytest.mark.parametrize("info", [{}, [{}], np.array([{}]), {PREVIOUS: None}], ids=str)
    def test_the_previous_of_a_single_image_may_be_missing_too(self, info):
        goal = np.zeros(SHAPE, np.float32)
        with pytest.raises(ValueError, match=r"(?s)GoalReplayBuffer.*copy_info_dict=True"):
            make_digits().compute_reward(goal, goal, info)

    def test_the_other_rewards_need_no_info(self):
        achieved, desired, _ = draw(4)
        distance = compute_distance(achieved, desired)
        threshold = float(np.median(distance))
        for info in ({}, [{}] * 4):
            env = make_digits(reward_type="distance")
            np.testing.assert_array_equal(env.compute_reward(achieved, desired, info), -distance)
            env = make_digits(reward_type="sparse", success_threshold=threshold)
            expected = np.where(distance <= threshold, 0.0, -1.0)
            np.testing.assert_array_equal(env.compute_reward(achieved, desired, info), expected)

    @pytest.mark.parametrize(
        ("info", "message"),
        [
            (None, "must be a dict, a list or an array of dicts"),
            ([{PREVIOUS: np.zeros(SHAPE)}], "one dict for each of the 2 goals, got 1"),
            ([{PREVIOUS: np.zeros(SHAPE)}, 3], "a list or an array of dicts, got a <class 'int'>"),
            ({PREVIOUS: np.zeros(SHAPE)}, r"shape, \(2, 1, 8, 8\) in all, got \(1, 8, 8\)"),
            ({PREVIOUS: np.zeros((2, 8, 8, 1))}, r"in all, got \(2, 8, 8, 1\)"),
            ([{PREVIOUS: np.zeros((8, 8))}] * 2, r"in all, got \(2, 8, 8\)"),
            ([{PREVIOUS: np.zeros(SHAPE)}, {PREVIOUS: 0.0}], r"images of shape \(1, 8, 8\)"),
            ({PREVIOUS: "left"}, r"images of shape \(1, 8, 8\), all of numbers"),
        ],
        ids=["None", "length", "no dict", "unbatched", "layout", "flat", "mixed", "text"],
    )
    def test_wrong_infos_are_named(self, info, message):
        achieved, desired, _ = draw(2)
        with pytest.raises(ValueError, match=message):
            make_digits().compute_reward(achieved, desired, info)

    @pytest.mark.parametrize(
        ("achieved", "desired"),
        [((8, 8), (8, 8)), (SHAPE, (2, *SHAPE)), ((2, *SHAPE), (3, *SHAPE)), ((), ())],
    )
    @pytest.mark.parametrize("method", ["reward", "terminated", "truncated"])
    def test_goals_of_another_shape_are_refused(self, achieved, desired, method):
        compute = getattr(make_digits(), f"compute_{method}")
        with pytest.raises(ValueError, match=r"goals must both have shape \(1, 8, 8\) or \(B, "):
            compute(np.zeros(achieved), np.zeros(desired), {"step": 1})


class TestEnds:
    @pytest.mark.parametrize(
        "info",
        [[{"step": 7}, {"step": 8}], {"step": np.array([7, 8])}, {"step": [7.0, 8.0]}],
        ids=["list", "array", "floats"],
    )
    def test_a_batch_ends_at_the_horizon(self, info):
        env, goals = make_digits(), np.zeros((2, *SHAPE), np.float32)
        assert env.compute_terminated(goals, goals, info).tolist() == [False, True]
        assert env.compute_truncated(goals, goals, info).tolist() == [False, False]

    def test_one_step_serves_the_whole_batch(self):
        env, goals = make_digits(), np.zeros((2, *SHAPE), np.float32)
        assert env.compute_terminated(goals, goals, {"step": 8}).tolist() == [True, True]

    @pytest.mark.parametrize("info", [{}, [{}, {}]], ids=str)
    def test_without_a_step_nothing_ends(self, info):
        env, goals = make_digits(), np.zeros((2, *SHAPE), np.float32)
        assert env.compute_terminated(goals, goals, info).tolist() == [False, False]

    def test_a_single_image_gives_a_bool(self):
        env, goal = make_digits(), np.zeros(SHAPE, np.float32)
        assert env.compute_terminated(goal, goal, {"step": 8}) is True
        assert env.compute_terminated(goal, goal, {"step": 7}) is False
        assert env.compute_truncated(goal, goal, {"step": 8}) is False

    @pytest.mark.parametrize(
        ("info", "message"),
        [
            ([{"step": 7}, {}], "in all infos or in none, 1 lack it"),
            ([{"step": 7}], "one dict for each of the 2 goals, got 1"),
            ({"step": np.arange(3)}, "one number for each of the 2 goals, got"),
            ({"step": "last"}, "one number for each of the 2 goals, got last"),
        ],
        ids=["mixed", "list", "array", "text"],
    )
    def test_wrong_steps_are_named(self, info, message):
        goals = np.zeros((2, *SHAPE), np.float32)
        with pytest.raises(ValueError, match=message):
            make_digits().compute_terminated(goals, goals, info)


PROPOSERS = {
    "pretrained": lambda: "pretrained",
    "dictionary": lambda: "dictionary",
    "propose alone": OnlyPropose,
    "optional methods": CountingProposer,
}


class TestComputeProposals:
    @pytest.mark.parametrize("proposer", PROPOSERS)
    @pytest.mark.parametrize("nucleus", [1.0, 0.7])
    def test_are_those_observed(self, proposer, nucleus):
        envs = make_envs(proposer=PROPOSERS[proposer](), nucleus=nucleus, obs_mode="pixels")
        obs, _ = envs.reset(seed=0)
        for _ in range(envs.config.horizon + 1):
            made = envs.compute_proposals(obs["observation"], obs["step"][:, 0])
            assert made.dtype == np.float32
            np.testing.assert_allclose(made, obs["proposals"], atol=1e-3)
            obs, *_ = envs.step(ACTIONS)

    @pytest.mark.parametrize("obs_mode", ["pixels", "compact"])
    def test_states_of_different_steps_in_any_order(self, obs_mode):
        """A batch of stored transitions, such as a replay buffer samples."""
        seen, env = [], make_digits(obs_mode="pixels")
        obs, _ = env.reset(seed=0)
        for action in range(8):
            seen.append(obs)
            obs, *_ = env.step(action)
        seen = [*seen, obs][::-1]
        images, steps = (np.stack([o[key] for o in seen]) for key in ("observation", "step"))
        made = make_digits(obs_mode=obs_mode).compute_proposals(images, steps[:, 0])
        np.testing.assert_allclose(made, np.stack([o["proposals"] for o in seen]), atol=1e-3)

    def test_grey_values_give_the_same_numbers(self):
        kwargs = {"likelihood": "gaussian", "rate": 0.1, "initial_state": "mean"}
        envs = make_envs(obs_mode="pixels", **kwargs)
        obs, _ = envs.reset(seed=0, options={"initial_state": np.full(SHAPE, 0.5)})
        for _ in range(4):  # the canvas stays within [0, 1]
            made = envs.compute_proposals(obs["observation"], obs["step"][:, 0])
            np.testing.assert_array_equal(made, obs["proposals"])
            obs, *_ = envs.step(ACTIONS)

    def test_change_no_state(self):
        envs, twin = make_envs(), make_envs()
        obs, _ = envs.reset(seed=0)
        twin.reset(seed=0)
        envs.compute_proposals(1 - obs["observation"], np.full(3, 0.5, np.float32))
        for one, other in zip(envs.step(ACTIONS)[:2], twin.step(ACTIONS)[:2], strict=True):
            np.testing.assert_equal(one, other)

    def test_at_the_horizon_are_copies_of_the_image(self):
        envs = make_envs(autoreset_mode="Disabled")
        obs, _ = envs.reset(seed=0)
        made = envs.compute_proposals(obs["observation"], np.ones(3))
        np.testing.assert_allclose(made, np.repeat(obs["observation"][:, None], 16, 1), atol=1e-5)

    def test_wrong_arguments_are_named(self):
        envs = make_envs()
        obs, _ = envs.reset(seed=0)
        image = obs["observation"]
        with pytest.raises(ValueError, match="between 0 and 1"):
            envs.compute_proposals(image, np.array([0, 1, 2]))
        with pytest.raises(ValueError, match=r"expected images \(B, 1, 8, 8\)"):
            envs.compute_proposals(image[0], np.zeros(1))
        with pytest.raises(ValueError, match=r"expected images \(B, 1, 8, 8\)"):
            envs.compute_proposals(image, obs["step"])
