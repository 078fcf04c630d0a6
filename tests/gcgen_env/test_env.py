"""The single environment: conformance for every id, actions, masks, resets, rewards."""

import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordEpisodeStatistics
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from gcgen_env import ENV_IDS, GCGenEnv, GCGenVectorEnv, default_kwargs, keep_freed_memory
from gcgen_env.config import OBS_MODES, REWARD_TYPES
from gcgen_env.testing import check_goal_env
from gcgen_env.testing.episodes import choose_valid, find_difference, roll
from tests.gcgen_env.sample_proposers import CountingProposer, OnlyPropose

DIGITS = {**default_kwargs("GCGen-Digits-v0"), "proposer": "dictionary"}
WITH_DEFAULTS = [(env_id, {}) for env_id in ENV_IDS]
WITH_DICTIONARY = [
    (env_id, {"proposer": "dictionary"})
    for env_id in ENV_IDS
    if default_kwargs(env_id).get("proposer") == "pretrained"
]


def make_digits(**kwargs):
    return GCGenEnv(**{**DIGITS, **kwargs})


def make_peaked(**kwargs):
    """Make an environment in which some proposals are invalid at every step."""
    return make_digits(**{"proposer": OnlyPropose(), "nucleus": 0.7, **kwargs})


@pytest.fixture(
    params=WITH_DEFAULTS + WITH_DICTIONARY, ids=lambda p: "-".join([p[0], *p[1].values()])
)
def id_and_kwargs(request, make_kwargs):
    env_id, kwargs = request.param
    return env_id, make_kwargs(env_id, **kwargs)


@pytest.mark.parametrize("obs_mode", OBS_MODES)
class TestConformance:
    def test_gymnasium(self, id_and_kwargs, obs_mode):
        env_id, kwargs = id_and_kwargs
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(gym.make(env_id, obs_mode=obs_mode, **kwargs).unwrapped)

    def test_stable_baselines3(self, id_and_kwargs, obs_mode):
        env_id, kwargs = id_and_kwargs
        check_env_sb3(gym.make(env_id, obs_mode=obs_mode, **kwargs).unwrapped, warn=False)

    def test_gcgen(self, id_and_kwargs, obs_mode):
        env_id, kwargs = id_and_kwargs
        check_goal_env(gym.make(env_id, obs_mode=obs_mode, **kwargs))


@pytest.mark.parametrize("reward_type", REWARD_TYPES)
@pytest.mark.parametrize("obs_mode", OBS_MODES)
def test_conformance_with_invalid_actions(reward_type, obs_mode):
    check_goal_env(make_peaked(reward_type=reward_type, obs_mode=obs_mode))


def test_conformance_with_grey_goals_and_a_discount():
    check_goal_env(make_digits(binarize=False, gamma=0.9, rate=[0.5] * 8))


def test_chosen_proposals_are_the_next_images_where_vectorised_sigmoids_are_uneven():
    images = np.random.default_rng(0).random((4, 28, 28))  # 784 is no multiple of 32
    check_goal_env(GCGenEnv(dataset=images, likelihood="bernoulli"))


@pytest.mark.parametrize("env_id", ["GCGen-Toy2D-v0", "GCGen-Digits-v0"])
def test_both_observation_modes_show_the_same(env_id):
    made = {}
    for obs_mode in OBS_MODES:
        env = gym.make(env_id, obs_mode=obs_mode, proposer="dictionary").unwrapped
        made[obs_mode] = roll(env, seed=3)
    for moment in made["pixels"]:
        del moment.obs["proposals"]
    assert find_difference(made["pixels"], made["compact"], tolerance=1e-5) is None


def test_an_environment_leaves_the_memory_allocator_alone():
    before = keep_freed_memory.cache_info()  # counts every call in this process
    env = make_digits()
    env.reset(seed=0)
    env.step(0)
    GCGenVectorEnv(2, **DIGITS).reset(seed=0)
    assert keep_freed_memory.cache_info() == before


def test_pickled_environment_continues_identically():
    env = make_digits()
    obs, _ = env.reset(seed=0)
    env.step(choose_valid(0)(obs))
    twin = pickle.loads(pickle.dumps(env))
    assert find_difference(env.step(3), twin.step(3)) is None
    assert find_difference(env.reset(), twin.reset()) is None
    assert twin.observation_space["observation"].likelihood == env.episodes.chain.likelihood


class TestActions:
    @pytest.mark.parametrize(
        "action", [0.0, 1.5, "0", None, True, [0, 1], np.zeros(1), 16, -1, np.int64(99)], ids=str
    )
    def test_wrong_actions_are_refused(self, action):
        env = make_digits()
        env.reset(seed=0)
        with pytest.raises(ValueError, match=r"action .*\[0, 16\)"):
            env.step(action)

    @pytest.mark.parametrize("action", [3, np.int64(3), np.uint8(3), np.array(3), np.array([3])])
    def test_integers_of_every_type_are_accepted(self, action):
        env, twin = make_digits(), make_digits()
        env.reset(seed=0)
        twin.reset(seed=0)
        assert find_difference(env.step(action), twin.step(3)) is None

    def test_a_step_needs_a_running_episode(self):
        env = make_digits(horizon=1)
        with pytest.raises(ResetNeeded, match="call reset"):
            env.step(0)
        env.reset(seed=0)
        env.step(0)
        with pytest.raises(ResetNeeded):
            env.step(0)

    def test_sampling_with_the_mask_is_always_valid(self):
        env = make_peaked()
        env.action_space.seed(0)

        def sample(obs):
            return env.action_space.sample(mask=obs["action_mask"])

        moments = roll(env, 0, choose=sample)
        assert not any(moment.info["invalid_action"] for moment in moments)

    def test_transition_is_the_scaled_sum_in_canvas_space(self):
        rate = [0.5, 0.25]
        env = make_digits(horizon=2, rate=rate, initial_state="zeros", obs_mode="compact")
        env.reset(seed=0)
        canvas = np.zeros((1, 8, 8))
        for h, action in enumerate((2, 5)):
            canvas = canvas + rate[h] * 0.85**h * env.episodes.chain.proposer.atoms[action].numpy()
            obs, *_ = env.step(action)
            np.testing.assert_allclose(obs["observation"], 1 / (1 + np.exp(-canvas)), atol=1e-6)


class TestMasks:
    def test_before_reset_all_are_valid(self):
        mask = make_digits().action_masks()
        assert mask.dtype == np.bool_ and mask.all() and mask.shape == (16,)

    def test_nucleus_changes_how_many_are_valid(self):
        counts = [m.obs["action_mask"].sum() for m in roll(make_peaked(), 0)]
        assert min(counts) >= 1
        assert len(set(counts[:-1])) > 1 and max(counts[:-1]) < 16
        assert counts[-1] == 16

    def test_nucleus_is_the_smallest_set_that_holds_the_mass(self):
        free = roll(make_peaked(nucleus=1.0), 0, num_steps=0)[0].obs
        pruned = roll(make_peaked(), 0, num_steps=0)[0].obs
        prior = np.exp(free["log_prior"].astype(np.float64))
        kept = np.sort(prior[pruned["action_mask"] == 1])
        assert kept.sum() >= 0.7 > kept[1:].sum()
        renormalised = np.exp(pruned["log_prior"][pruned["action_mask"] == 1])
        np.testing.assert_allclose(np.sort(renormalised), kept / kept.sum(), rtol=1e-5)

    def test_an_invalid_action_changes_nothing_but_the_step(self):
        env = make_peaked()
        obs, info = env.reset(seed=0)
        action = int(np.flatnonzero(obs["action_mask"] == 0)[0])
        after, reward, terminated, _, info = env.step(action)
        assert info["invalid_action"] and not terminated
        assert np.array_equal(after["observation"], obs["observation"])
        assert after["step"] == np.float32(1 / 8)
        assert reward == 0.0  # gamma = 1: Phi - Phi

    def test_an_invalid_action_gets_the_reward_of_the_null_transition(self):
        env = make_peaked(gamma=0.5)
        obs, info = env.reset(seed=0)
        potential = info["potential"]
        _, reward, *_ = env.step(int(obs["action_mask"].argmin()))
        assert reward == 0.5 * potential - potential

    def test_an_invalid_action_can_choose_the_most_probable_proposal(self):
        env = make_peaked(invalid_action="best_prior")
        obs, _ = env.reset(seed=0)
        after, reward, *_, info = env.step(int(obs["action_mask"].argmin()))
        assert info["invalid_action"]
        best = obs["log_prior"].argmax()
        assert np.array_equal(after["observation"], obs["proposals"][best])
        env.reset(seed=0)
        assert env.step(int(best))[1] == reward

    def test_masks_are_found_through_wrappers(self):
        env = RecordEpisodeStatistics(gym.make("GCGen-Digits-v0", proposer="dictionary"))
        assert env.get_wrapper_attr("action_masks")().all()


class TestSingleUse:
    @pytest.mark.parametrize("obs_mode", ["pixels", "compact"])
    def test_a_used_proposal_is_invalid_until_the_next_episode(self, obs_mode):
        env = gym.make("GCGen-DigitsOnce-v0", obs_mode=obs_mode)
        obs, _ = env.reset(seed=0)
        assert obs["action_mask"].all()
        for h, action in enumerate([3, 7, 3]):  # the last one is invalid: it becomes another one
            obs, *_, info = env.step(action)
            assert info["invalid_action"] == (h == 2)
        assert np.flatnonzero(obs["action_mask"] == 0).tolist() == [0, 3, 7]  # 0 comes first
        np.testing.assert_allclose(np.exp(obs["log_prior"][1]), 1 / 13, rtol=1e-5)
        obs, _ = env.reset()
        assert obs["action_mask"].all()

    def test_a_skipped_action_uses_nothing(self):
        env = gym.make("GCGen-DigitsOnce-v0", invalid_action="skip")
        env.reset(seed=0)
        for action in (3, 3, 3):
            obs, *_ = env.step(action)
        assert np.flatnonzero(obs["action_mask"] == 0).tolist() == [3]

    def test_a_proposer_that_leaves_no_unused_proposal_is_refused(self):
        class OnlyTheFirst:
            def propose(self, canvas, step):
                log_prior = canvas.new_full((len(canvas), 4), -np.inf)
                log_prior[:, 0] = 0
                return canvas.new_zeros(len(canvas), 4, *canvas.shape[1:]), log_prior

        env = gym.make(
            "GCGen-Digits-v0", proposer=OnlyTheFirst(), num_proposals=4, horizon=2, single_use=True
        )
        env.reset(seed=0)
        with pytest.raises(ValueError, match="without a finite value for an unused proposal"):
            env.step(0)


class TestReset:
    def test_options_set_goal_and_state(self):
        env = make_digits(binarize=False)
        image = np.full((1, 8, 8), 0.25, np.float32)
        obs, info = env.reset(seed=0, options={"goal_index": 7})
        assert info["goal_index"] == 7
        assert np.array_equal(obs["desired_goal"], env.episodes.goals.dataset.take([7])[0])
        obs, info = env.reset(options={"goal": image, "initial_state": 1 - image})
        assert info["goal_index"] == -1
        assert np.array_equal(obs["desired_goal"], image)
        np.testing.assert_allclose(obs["observation"], 1 - image, atol=1e-6)
        obs, _ = env.reset(options={"goal_index": np.int64(2)})
        np.testing.assert_allclose(obs["observation"], env.episodes.image[0], atol=0)
        assert not np.allclose(obs["observation"], 0.75)  # set for one episode only

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"gaol": 1}, "unknown reset option 'gaol'; known: goal_index, goal, initial_state"),
            ({"reset_mask": [True]}, "unknown reset option 'reset_mask'"),
            ({"goal": np.zeros((8, 8))}, r"goal must have shape \(1, 8, 8\)"),
            ({"goal": np.full((1, 8, 8), 2.0)}, "goal must be finite and within"),
            ({"goal": np.full((1, 8, 8), np.nan)}, "goal must be finite and within"),
            ({"initial_state": np.zeros((3, 8, 8))}, "initial_state must have shape"),
            ({"goal_index": 10**6}, r"goal_index must lie in \[0, "),
            ({"goal_index": -1}, "goal_index must lie in"),
            ({"goal_index": 0.5}, "goal_index must be integers"),
            ({"goal_index": [1, 2]}, "goal_index must be one integer"),
            ({"goal": np.zeros((1, 8, 8)), "goal_index": 0}, "exclude each other"),
        ],
    )
    def test_wrong_options_are_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            make_digits().reset(seed=0, options=options)

    def test_goals_are_binarised_anew(self):
        env = make_digits()
        first, second = (env.reset(seed=s, options={"goal_index": 0})[0] for s in (0, 1))
        assert set(np.unique(first["desired_goal"])) == {0.0, 1.0}
        assert not np.array_equal(first["desired_goal"], second["desired_goal"])


class TestRewards:
    def test_three_types_by_hand(self):
        rewards = {}
        for reward_type in REWARD_TYPES:
            env = make_digits(reward_type=reward_type, success_threshold=0.0)
            before, _ = env.reset(seed=0)
            after, rewards[reward_type], *_ = env.step(1)
        goal = before["desired_goal"].astype(np.float64)

        def log_likelihood(obs):
            mean = obs["achieved_goal"].astype(np.float64)
            return np.log(np.where(goal == 1, mean, 1 - mean)).sum()

        gain = log_likelihood(after) - log_likelihood(before)
        np.testing.assert_allclose(rewards["potential"], gain, rtol=1e-9)
        np.testing.assert_allclose(
            rewards["distance"], -np.sqrt(((after["achieved_goal"] - goal) ** 2).mean())
        )
        assert rewards["sparse"] == -1.0

    def test_the_sparse_reward_of_a_success_is_zero(self):
        env = make_digits(reward_type="sparse", success_threshold=1.0)
        env.reset(seed=0)
        _, reward, _, _, info = env.step(0)
        assert reward == 0.0 and info["is_success"]

    @pytest.mark.parametrize("obs_mode", OBS_MODES)
    def test_success_is_a_distance_of_at_most_the_threshold(self, obs_mode):
        env = make_digits(obs_mode=obs_mode)
        env.reset(seed=0)
        distance = env.step(3)[4]["distance"]
        for threshold, expected in ((distance, True), (np.nextafter(distance, 0), False)):
            env = make_digits(obs_mode=obs_mode, success_threshold=threshold)
            env.reset(seed=0)
            assert env.step(3)[4]["is_success"] is expected


class TestProposerObjects:
    @pytest.mark.parametrize("obs_mode", OBS_MODES)
    def test_are_not_called_at_the_horizon(self, obs_mode):
        proposer = CountingProposer()
        env = make_digits(proposer=proposer, obs_mode=obs_mode, render_mode="rgb_array")
        roll(env, 0)
        env.render()
        assert proposer.steps and max(proposer.steps) == 7

    @pytest.mark.parametrize("obs_mode", OBS_MODES)
    def test_optional_methods_change_nothing(self, obs_mode):
        runs = [
            roll(make_digits(proposer=proposer, obs_mode=obs_mode, nucleus=0.7), 0)
            for proposer in (OnlyPropose(), CountingProposer())
        ]
        assert find_difference(*runs, tolerance=1e-6) is None
