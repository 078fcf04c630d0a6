"""The adapter: SB3's `VecEnv` contract over the batched environment."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import FlattenObservation
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from agents.common.env_source import find_source
from agents.common.goal_vec_env import GoalVecEnv
from agents.common.vec_env import GCGenVecEnv
from agents.common.vec_env import make_vec_env as make_vec_env_for_sb3
from gcgen_env import EnvConfig, GCGenEnv
from gcgen_env.goals import make_goals
from gcgen_env.model.build import likelihood_of
from gcgen_env.spaces import make_observation_space
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


def test_ended_environments_describe_their_last_state():
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


def test_infos_belong_to_their_environments():
    adapter = make_vec_env(3)
    adapter.seed(0)
    adapter.reset()
    *_, infos = adapter.step(np.arange(3))
    for i, info in enumerate(infos):
        assert info["goal_index"] == adapter.envs.episodes.goal_index[i]
        assert not any(key.startswith("_") for key in info)


def test_every_environment_has_its_mask():
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


def test_tensors_are_refused():
    kwargs = {"proposer": "dictionary", "obs_device": "env", "autoreset_mode": "SameStep"}
    with pytest.raises(ValueError, match="SB3 expects NumPy arrays: leave out obs_device='env'"):
        GCGenVecEnv(gym.make_vec("GCGen-Digits-v0", num_envs=2, **kwargs))


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
        (lambda: EnvConfig("digits", horizon=H), None),
    ],
    ids=["id", "id with module", "gym.make", "GCGenEnv", "vector", "adapter", "EnvConfig"],
)
def test_the_configuration_and_the_data_are_found(make, num):
    config, data, found = find_source(make())
    assert (config.dataset, config.horizon, found) == ("digits", H, num)
    assert data.split("test").shape == (1, 8, 8)


@pytest.mark.parametrize("make", [make_env, make_envs, make_vec_env])
def test_the_data_of_an_environment_are_shared(make):
    env = make()
    envs = getattr(env, "envs", env.unwrapped if hasattr(env, "unwrapped") else env)
    assert find_source(env)[1] is envs.episodes.data


def test_fields_may_be_changed_beside_an_id_alone():
    assert find_source(DIGITS, {"horizon": 3})[0].horizon == 3
    with pytest.raises(ValueError, match="env_kwargs go with an id"):
        find_source(make_env(), {"horizon": 3})
    with pytest.raises(TypeError, match="did you mean 'horizon'"):
        find_source(DIGITS, {"horizn": 3})


def test_other_wrappers_are_refused():
    with pytest.raises(
        ValueError, match=r"a wrapper of type FlattenObservation; pass the unwrapped"
    ):
        find_source(FlattenObservation(make_env()))


@pytest.mark.parametrize("thing", [gym.make("CartPole-v1"), 3, None], ids=["CartPole", "3", "None"])
def test_other_things_are_refused(thing):
    with pytest.raises(ValueError, match="expected an id, a GCGenEnv or a GCGenVectorEnv"):
        find_source(thing)


def test_unknown_ids_are_refused():
    with pytest.raises(ValueError, match="unknown id 'CartPole-v1', expected one of"):
        find_source("CartPole-v1")


def test_the_environment_class_is_ours():
    assert isinstance(make_env().unwrapped, GCGenEnv)


def test_one_line_makes_a_batch_for_sb3():
    env = make_vec_env_for_sb3("gcgen_env:GCGen-Digits-v0", 3, 7, {"nucleus": 0.8})
    expected, _ = gym.make_vec("GCGen-Digits-v0", 3, nucleus=0.8).reset(seed=7)
    np.testing.assert_array_equal(env.reset()["proposals"], expected["proposals"])
    assert np.stack(env.env_method("action_masks")).shape == (3, 16)
    *_, infos = step_to_the_end(env)
    assert all(info["episode"]["l"] == H for info in infos)
    model = PPO("MultiInputPolicy", env, n_steps=8, batch_size=8).learn(24)
    assert model.ep_info_buffer[0]["l"] == H
    with pytest.raises(ValueError, match="unknown id 'CartPole-v1'"):
        make_vec_env_for_sb3("CartPole-v1")
    with pytest.raises(TypeError, match="did you mean 'nucleus'"):
        make_vec_env_for_sb3("GCGen-Digits-v0", env_kwargs={"nucles": 0.8})


def draw_goals(env):
    """Draw goals as an episode has them."""
    return env.make_goals(env.sample_images())


def make_goal_env(num=4):
    """Make goals of Digits, as `GCGen` makes them."""
    config, data, _ = find_source(DIGITS)
    goals = make_goals(config, data)
    likelihood = likelihood_of(config, data.split("train"))
    space = make_observation_space(likelihood, (1, 8, 8), 16, "pixels")
    return GoalVecEnv(goals, num, space, 16)


def test_goals_are_binary_images_drawn_by_a_seed():
    env = make_goal_env()
    draws = []
    for seed in (3, 3, 4):
        env.seed(seed)
        assert env.reset() == {}
        draws.append((draw_goals(env), draw_goals(env)))
    assert draws[0][0].shape == (4, 1, 8, 8) and set(np.unique(draws[0])) == {0, 1}
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0][0] != draws[0][1]).any() and (draws[0][0] != draws[2][0]).any()


def test_a_reset_without_a_seed_leaves_the_generator_alone():
    one, other = make_goal_env(), make_goal_env()
    for env in (one, other):
        env.seed(0)
        env.reset()
    other.reset()
    np.testing.assert_array_equal(draw_goals(one), draw_goals(other))


@pytest.mark.parametrize(
    "use",
    [
        lambda env: env.step(np.zeros(4, int)),
        lambda env: env.step_wait(),
        lambda env: env.env_method("action_masks"),
        lambda env: env.set_attr("note", 1),
    ],
)
def test_goals_alone_cannot_be_stepped(use):
    env = make_goal_env()
    with pytest.raises(RuntimeError, match=r"model.get_env\(\) returns an environment"):
        use(env)


def test_goals_alone_have_what_sb3_asks_a_vec_env_for():
    env = make_goal_env()
    assert env.num_envs == 4 and env.action_space.n == 16
    assert "proposals" in env.observation_space.keys()
    assert env.get_attr("render_mode") == [None] * 4
    assert env.env_is_wrapped(gym.Wrapper) == [False] * 4
    env.close()
