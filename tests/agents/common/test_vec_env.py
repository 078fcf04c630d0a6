"""The adapter: SB3's `VecEnv` contract over the batched environment."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import FlattenObservation, TimeLimit
from stable_baselines3.common.vec_env import VecMonitor

from agents.common.vec_env import GCGenVecEnv, find_config
from gcgen_env import GCGenEnv
from tests.agents.conftest import DIGITS, make_env, make_envs, make_vec_env
from tests.gcgen_env.sample_proposers import OnlyPropose

H = 8


def step_to_the_end(env, action=0):
    for _ in range(H):
        result = env.step(np.full(env.num_envs, action))
    return result


def test_steps_are_those_of_the_vector_environment():
    adapter, envs = make_vec_env(4), make_envs(4)
    adapter.seed(5)
    obs, (expected, _) = adapter.reset(), envs.reset(seed=5)
    np.testing.assert_array_equal(obs["desired_goal"], expected["desired_goal"])
    rng = np.random.default_rng(0)
    for h in range(2 * H):
        action = rng.integers(16, size=4)
        obs, reward, done, infos = adapter.step(action)
        expected, wanted, terminated, _, _ = envs.step(action)
        for key in expected:
            np.testing.assert_array_equal(obs[key], expected[key])
        np.testing.assert_array_equal(reward, wanted.astype(np.float32))
        np.testing.assert_array_equal(done, terminated)
        assert done.all() == (h % H == H - 1)
        assert len(infos) == 4


def test_ended_rows_describe_their_last_state():
    adapter = make_vec_env(3)
    adapter.seed(0)
    obs = adapter.reset()
    goal = obs["desired_goal"]
    next_obs, _, done, infos = step_to_the_end(adapter)
    assert done.all() and (next_obs["step"] == 0).all()
    for i, info in enumerate(infos):
        last = info["terminal_observation"]
        assert last["step"] == 1 and info["step"] == H
        np.testing.assert_array_equal(last["desired_goal"], goal[i])
        assert info["TimeLimit.truncated"] is False
        assert bool(info["is_success"]) == (info["distance"] <= 0.3)
        error = np.sqrt(np.mean((last["achieved_goal"].astype(float) - goal[i]) ** 2))
        assert info["distance"] == pytest.approx(error)
    *_, infos = adapter.step(np.zeros(3, int))
    assert all("terminal_observation" not in info for info in infos)


def test_infos_belong_to_their_rows():
    adapter = make_vec_env(3)
    adapter.seed(0)
    adapter.reset()
    *_, infos = adapter.step(np.arange(3))
    for i, info in enumerate(infos):
        assert info["goal_index"] == adapter.envs.core.goal_index[i]
        assert not any(key.startswith("_") for key in info)


def test_masks_come_one_row_for_each_environment():
    adapter = make_vec_env(5, proposer=OnlyPropose(), nucleus=0.6)
    adapter.reset()
    obs, *_ = adapter.step(np.arange(5))
    masks = adapter.env_method("action_masks")
    assert adapter.has_attr("action_masks")
    np.testing.assert_array_equal(np.stack(masks), obs["action_mask"].astype(bool))
    np.testing.assert_array_equal(adapter.env_method("action_masks", indices=[3])[0], masks[3])


def test_a_seed_reproduces_and_lasts_for_one_reset():
    adapter = make_vec_env(4)
    goals = []
    for seed in (1, 1, None, 2):
        if seed is not None:
            adapter.seed(seed)
        goals.append(adapter.reset()["desired_goal"])
    np.testing.assert_array_equal(goals[0], goals[1])
    assert (goals[1] != goals[2]).any() and (goals[0] != goals[3]).any()


def test_reset_options_are_passed_on():
    adapter = make_vec_env(2)
    adapter.set_options({"goal": np.ones((1, 8, 8))})
    assert (adapter.reset()["desired_goal"] == 1).all()
    assert (adapter.reset()["desired_goal"] != 1).any()


def test_attributes_methods_and_pictures():
    adapter = make_vec_env(2, render_mode="rgb_array")
    adapter.reset()
    adapter.set_attr("note", 7)
    assert adapter.get_attr("note") == [7, 7] and not adapter.has_attr("nothing")
    assert adapter.env_is_wrapped(gym.Wrapper) == [False, False]
    images = adapter.get_images()
    assert len(images) == 2 and images[0].dtype == np.uint8 and images[0].shape[2] == 3
    adapter.close()


def test_sb3_wrappers_go_around_it():
    env = VecMonitor(make_vec_env(2))
    env.reset()
    *_, infos = step_to_the_end(env)
    assert [info["episode"]["l"] for info in infos] == [H, H]


@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_another_autoreset_mode_is_refused(mode):
    with pytest.raises(ValueError, match=f'autoreset_mode="SameStep", got {mode!r}'):
        GCGenVecEnv(make_envs(2, mode))


@pytest.mark.parametrize(
    ("make", "num"),
    [
        (lambda: DIGITS, None),
        (lambda: f"gcgen_env:{DIGITS}", None),
        (make_env, None),
        (lambda: make_env().unwrapped, None),
        (lambda: make_envs(3), 3),
        (lambda: make_vec_env(3), 3),
    ],
    ids=["id", "id with module", "gym.make", "GCGenEnv", "vector", "adapter"],
)
def test_the_configuration_is_found(make, num):
    config, found = find_config(make())
    assert (config.dataset, config.horizon, found) == ("digits", H, num)


def test_fields_may_be_changed_beside_an_id_alone():
    assert find_config(DIGITS, {"horizon": 3})[0].horizon == 3
    with pytest.raises(ValueError, match="env_kwargs goes with an id"):
        find_config(make_env(), {"horizon": 3})
    with pytest.raises(TypeError, match="did you mean 'horizon'"):
        find_config(DIGITS, {"horizn": 3})


@pytest.mark.parametrize("wrap", [FlattenObservation, lambda env: TimeLimit(env, 5)])
def test_other_wrappers_are_refused(wrap):
    with pytest.raises(ValueError, match=r"a wrapper of type \w+; unwrap it"):
        find_config(wrap(make_env()))


@pytest.mark.parametrize("thing", [gym.make("CartPole-v1"), 3, None], ids=["CartPole", "3", "None"])
def test_other_things_are_refused(thing):
    with pytest.raises(ValueError, match="expected an id, a GCGenEnv or a GCGenVectorEnv"):
        find_config(thing)


def test_unknown_ids_are_refused():
    with pytest.raises(ValueError, match="unknown id 'CartPole-v1'; ours are"):
        find_config("CartPole-v1")


def test_the_environment_class_is_ours():
    assert isinstance(make_env().unwrapped, GCGenEnv)
