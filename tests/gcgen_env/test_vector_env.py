"""The vector environment: conformance in every mode, partial resets, wrong actions."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from gcgen_env import ENV_IDS, GCGenVectorEnv, default_kwargs
from gcgen_env.config import OBS_MODES, REWARD_TYPES
from gcgen_env.testing import check_vector_env
from gcgen_env.testing.episodes import choose_valid, find_difference, roll
from tests.gcgen_env.sample_proposers import CountingProposer, OnlyPropose

DIGITS = {**default_kwargs("GCGen-Digits-v0"), "proposer": "dictionary"}
MODES = tuple(AutoresetMode)
ACTIONS = np.array([1, 5, 2])


def make_digits(num_envs=3, **kwargs):
    return GCGenVectorEnv(num_envs, **{**DIGITS, **kwargs})


def make_peaked(**kwargs):
    """Make environments in which some proposals are invalid at every step."""
    return make_digits(proposer=OnlyPropose(), nucleus=0.7, **kwargs)


def pick(obs, subset):
    return {key: value[subset] for key, value in obs.items()}


class TestConformance:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("env_id", ENV_IDS)
    def test_every_id_with_the_dictionary(self, env_id, mode, make_kwargs):
        kwargs = make_kwargs(env_id, proposer="dictionary")
        check_vector_env(gym.make_vec(env_id, num_envs=3, autoreset_mode=mode, **kwargs))

    @pytest.mark.parametrize("env_id", ENV_IDS)
    def test_every_id_with_its_defaults(self, env_id, make_kwargs):
        check_vector_env(gym.make_vec(env_id, num_envs=2, **make_kwargs(env_id)))

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("obs_mode", OBS_MODES)
    def test_with_invalid_actions(self, mode, obs_mode):
        check_vector_env(make_peaked(autoreset_mode=mode, obs_mode=obs_mode))

    @pytest.mark.parametrize("reward_type", REWARD_TYPES)
    @pytest.mark.parametrize("num_envs", [1, 4])
    def test_rewards_and_sizes(self, reward_type, num_envs):
        check_vector_env(make_digits(num_envs, reward_type=reward_type, gamma=0.9))


@pytest.mark.parametrize("mode", MODES)
def test_the_mode_can_be_a_name_and_is_in_the_metadata(mode):
    envs = gym.make_vec(
        "GCGen-Digits-v0", num_envs=2, proposer="dictionary", autoreset_mode=mode.value
    )
    assert envs.metadata["autoreset_mode"] is mode


def test_unknown_mode_lists_the_modes():
    with pytest.raises(ValueError, match="'NextStep', 'SameStep', 'Disabled'; got 'Never'"):
        make_digits(autoreset_mode="Never")


def test_a_batch_needs_an_environment():
    with pytest.raises(ValueError, match=r"num_envs must be at least 1 .*, got 0"):
        make_digits(0)


@pytest.mark.parametrize("obs_mode", OBS_MODES)
@pytest.mark.parametrize("num_envs", [10**10, 10**30])
def test_more_environments_than_memory_are_refused_before_they_are_made(num_envs, obs_mode):
    message = rf"{num_envs:,} environments would take .* GB, and this machine has .*: make fewer"
    with pytest.raises(MemoryError, match=message):
        make_digits(num_envs, obs_mode=obs_mode)


class TestActions:
    @pytest.mark.parametrize(
        "actions",
        [ACTIONS / 2, ACTIONS.astype(float), ACTIONS[:2], 1, [[1, 5, 2]], [True] * 3, list("abc")],
        ids=str,
    )
    def test_wrong_actions_are_refused(self, actions):
        envs = make_digits()
        envs.reset(seed=0)
        with pytest.raises(ValueError, match=r"actions must be 3 integers in \[0, 16\)"):
            envs.step(actions)

    @pytest.mark.parametrize("actions", [[0, 1, 16], [-1, 1, 2]])
    def test_out_of_range(self, actions):
        envs = make_digits()
        envs.reset(seed=0)
        with pytest.raises(ValueError, match=r"must lie in \[0, 16\), got"):
            envs.step(actions)

    @pytest.mark.parametrize("mode", MODES)
    def test_step_before_reset(self, mode):
        with pytest.raises(ResetNeeded, match="call reset"):
            make_digits(autoreset_mode=mode).step(ACTIONS)

    def test_step_before_every_environment_was_reset(self):
        envs = make_digits()
        envs.reset(seed=0, options={"reset_mask": np.array([True, False, True])})
        with pytest.raises(ResetNeeded, match=r"environments \[1\] have no running episode"):
            envs.step(ACTIONS)

    def test_sampling_with_the_masks_is_always_valid(self):
        envs = make_peaked()
        envs.action_space.seed(0)
        _, infos = envs.reset(seed=0)
        for _ in range(20):
            actions = envs.action_space.sample(mask=tuple(infos["action_mask"]))
            *_, infos = envs.step(actions)
            assert not infos["invalid_action"].any()

    def test_each_environment_has_its_own_invalid_actions(self):
        envs = make_peaked()
        obs, _ = envs.reset(seed=0)
        actions = obs["action_mask"].argmax(axis=1)
        actions[1] = obs["action_mask"][1].argmin()
        after, reward, _, _, infos = envs.step(actions)
        assert infos["invalid_action"].tolist() == [False, True, False]
        assert np.array_equal(after["observation"][1], obs["observation"][1]) and reward[1] == 0
        assert not np.array_equal(after["observation"][0], obs["observation"][0])

    def test_masks_before_reset(self):
        mask = make_digits().action_masks()
        assert mask.shape == (3, 16) and mask.dtype == np.bool_ and mask.all()


class TestReset:
    def test_options_for_all_environments_and_for_each(self):
        envs = make_digits()
        _, infos = envs.reset(seed=0, options={"goal_index": 4})
        assert infos["goal_index"].tolist() == [4, 4, 4]
        _, infos = envs.reset(options={"goal_index": [4, 5, 6]})
        assert infos["goal_index"].tolist() == [4, 5, 6]
        images = np.arange(3, dtype=np.float32).reshape(3, 1, 1, 1) / 4 * np.ones((1, 8, 8))
        obs, _ = envs.reset(options={"goal": images, "initial_state": images[1]})
        assert np.array_equal(obs["desired_goal"], images.astype(np.float32))
        np.testing.assert_allclose(obs["observation"], 0.25, atol=1e-6)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"seed": 1}, "unknown reset option 'seed'"),
            ({"goal": np.zeros((2, 1, 8, 8))}, r"or \(3, 1, 8, 8\), got \(2, 1, 8, 8\)"),
            ({"goal_index": [1, 2]}, "one integer or 3 of them"),
            ({"reset_mask": [True]}, r"reset_mask must be bool of shape \(3,\)"),
            ({"reset_mask": [1, 0, 1]}, "reset_mask must be bool"),
            ({"reset_mask": [False] * 3}, "with at least one True"),
        ],
    )
    def test_wrong_options_are_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            make_digits().reset(seed=0, options=options)

    def test_options_are_not_changed(self):
        options = {"reset_mask": np.ones(3, bool), "goal_index": 1}
        make_digits().reset(seed=0, options=options)
        assert set(options) == {"reset_mask", "goal_index"}

    @pytest.mark.parametrize("mode", MODES)
    def test_some_environments_in_the_middle_of_an_episode(self, mode):
        envs = make_peaked(autoreset_mode=mode)
        moments = roll(envs, 0, num_steps=2)
        mask = np.array([False, True, False])
        obs, infos = envs.reset(options={"reset_mask": mask, "goal_index": 3})
        assert infos["step"].tolist() == [2, 0, 2] and infos["goal_index"][1] == 3
        difference = find_difference(pick(obs, ~mask), pick(moments[-1].obs, ~mask))
        assert difference is None
        ends = [envs.step(choose_valid(h)(obs))[2].tolist() for h in range(6)]
        assert ends[-1] == [True, False, True] and not any(map(any, ends[:-1]))

    def test_environments_out_of_step_end_at_different_times(self):
        envs = make_digits(autoreset_mode="NextStep", horizon=3)
        envs.reset(seed=0)
        envs.step(ACTIONS)
        envs.reset(options={"reset_mask": np.array([False, True, False])})
        seen = [envs.step(ACTIONS) for _ in range(4)]
        assert [infos["step"].tolist() for *_, infos in seen] == [
            [2, 1, 2],
            [3, 2, 3],
            [0, 3, 0],
            [1, 0, 1],
        ]
        assert [reward.astype(bool).tolist() for _, reward, *_ in seen[2:]] == [
            [False, True, False],
            [True, False, True],
        ]

    def test_final_results_are_those_of_ended_episodes(self):
        envs = make_digits(autoreset_mode="SameStep", horizon=3)
        envs.reset(seed=0)
        envs.step(ACTIONS)
        envs.reset(options={"reset_mask": np.array([False, True, False])})
        envs.step(ACTIONS)
        obs, _, terminated, _, infos = envs.step(ACTIONS)
        assert terminated.tolist() == [True, False, True]
        assert infos["_final_obs"].tolist() == infos["_final_info"].tolist() == [True, False, True]
        assert infos["final_obs"][1] is None and infos["final_obs"][2]["step"] == 1.0
        assert infos["final_info"]["step"][[0, 2]].tolist() == [3, 3]
        assert obs["step"].ravel().tolist() == [0.0, np.float32(2 / 3), 0.0]


def test_goals_differ_between_environments_and_seeds():
    envs = make_digits(8)
    first, again, other = (envs.reset(seed=seed)[1]["goal_index"] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert len(set(first)) > 1 and not np.array_equal(first, other)


@pytest.mark.parametrize("obs_mode", OBS_MODES)
def test_the_proposer_is_called_for_new_states_only(obs_mode):
    proposer = CountingProposer()
    envs = make_digits(proposer=proposer, obs_mode=obs_mode, autoreset_mode="Disabled")
    roll(envs, 0)
    assert max(proposer.steps) == 7
    proposer.steps.clear()
    envs.reset(options={"reset_mask": np.array([True, False, False])})
    assert proposer.steps == [0]


def test_both_observation_modes_show_the_same():
    made = [roll(make_digits(obs_mode=obs_mode), seed=3) for obs_mode in OBS_MODES]
    for moment in made[0]:
        del moment.obs["proposals"]
    assert find_difference(*made, tolerance=1e-5) is None


@pytest.mark.parametrize("obs_mode", OBS_MODES)
@pytest.mark.parametrize("proposer", ["pretrained", "dictionary"])
def test_pickled_environments_continue_identically(proposer, obs_mode):
    envs = make_digits(autoreset_mode="SameStep", proposer=proposer, obs_mode=obs_mode)
    roll(envs, 0, num_steps=7)
    twin = pickle.loads(pickle.dumps(envs))
    assert find_difference(envs.step(ACTIONS), twin.step(ACTIONS)) is None
