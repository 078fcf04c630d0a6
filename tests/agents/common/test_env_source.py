"""The environment whose goals a model uses, behind the wrappers that change nothing."""

import gymnasium as gym
import pytest
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit
from gymnasium.wrappers.vector import RecordEpisodeStatistics as VectorStatistics
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecCheckNan, VecMonitor, VecNormalize

from agents import GCGen
from agents.common.env_source import find_source
from tests.agents.conftest import make_env, make_envs, make_vec_env

WRAPPED = {
    "Monitor": (lambda: Monitor(make_env()), None),
    "TimeLimit": (lambda: TimeLimit(make_env(), 8), None),
    "statistics": (lambda: RecordEpisodeStatistics(make_env()), None),
    "all": (lambda: Monitor(TimeLimit(RecordEpisodeStatistics(make_env()), 100)), None),
    "vector statistics": (lambda: VectorStatistics(make_envs(3)), 3),
    "VecMonitor": (lambda: VecMonitor(make_vec_env(3)), 3),
    "DummyVecEnv": (lambda: DummyVecEnv([lambda: Monitor(make_env())] * 2), 2),
    "monitored dummy": (lambda: VecMonitor(DummyVecEnv([make_env] * 2)), 2),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_harmless_wrappers_are_looked_through(name):
    make, num = WRAPPED[name]
    config, data, found = find_source(make())
    assert (config.dataset, config.horizon, found) == ("digits", 8, num)
    assert data.split("test").shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeLimit(make_env(), 5), "a TimeLimit of 5 steps .* horizon=5 instead"),
        (
            lambda: VecNormalize(make_vec_env(2), norm_obs=False),
            r"VecNormalize changes .* env\.venv",
        ),
        (lambda: VecCheckNan(make_vec_env(2)), "an object of type VecCheckNan"),
        (lambda: DummyVecEnv([lambda: gym.make("CartPole-v1")]), "an object of type CartPoleEnv"),
        (
            lambda: DummyVecEnv([make_env, lambda: make_env(nucleus=0.5)]),
            "the environments of the DummyVecEnv differ",
        ),
        (lambda: (make_env(), {}), "expected one environment, got a tuple of them"),
        (lambda: GCGen, "an object of type ABCMeta"),
    ],
)
def test_what_cannot_be_looked_through_is_explained(make, message):
    with pytest.raises(ValueError, match=message) as error:
        find_source(make())
    assert "\n" not in str(error.value)


def test_a_model_trains_on_wrapped_environments():
    kwargs = {"s_agent_kwargs": {"width": 32, "depth": 1}}
    model = GCGen("GCPolicy", VecMonitor(DummyVecEnv([make_env] * 4)), **kwargs)
    assert model.n_envs == 4 and model.learn(32).num_timesteps == 32
    model.set_env(Monitor(make_env()))
    assert model.learn(32).num_timesteps == 32
