"""Gymnasium's wrappers and vector environments."""

import gymnasium as gym
import numpy as np
import pytest

from gcgen_env import GCGenVectorEnv


def first_valid(obs):
    """Return the first valid action of each environment."""
    return obs["action_mask"].argmax(-1)


def test_episode_statistics_of_a_vector_environment():
    envs = gym.make_vec("GCGen-Digits-v0", num_envs=3, autoreset_mode="SameStep")
    assert isinstance(envs, GCGenVectorEnv)
    wrapped = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    obs, _ = wrapped.reset(seed=0)
    returns = np.zeros(3)
    for _ in range(8):
        obs, reward, terminated, _, info = wrapped.step(first_valid(obs))
        returns += reward
    assert terminated.all()
    np.testing.assert_allclose(info["episode"]["r"], returns, rtol=1e-5)
    assert info["episode"]["l"].tolist() == [8, 8, 8]


def test_episode_statistics_of_a_single_environment(make):
    env = gym.wrappers.RecordEpisodeStatistics(make())
    obs, _ = env.reset(seed=0)
    total = 0.0
    for _ in range(8):
        obs, reward, terminated, _, info = env.step(first_valid(obs))
        total += reward
    assert terminated and info["episode"]["l"] == 8
    assert info["episode"]["r"] == pytest.approx(total)


def test_video(make, tmp_path):
    pytest.importorskip("moviepy", exc_type=ImportError)
    env = gym.wrappers.RecordVideo(make(render_mode="rgb_array"), str(tmp_path))
    obs, _ = env.reset(seed=0)
    for _ in range(8):
        obs, *_ = env.step(first_valid(obs))
    env.close()
    (video,) = tmp_path.glob("*.mp4")
    assert video.stat().st_size > 1000


def test_vector_observation_wrappers():
    envs = gym.make_vec("GCGen-Digits-v0", num_envs=2, obs_mode="compact")
    flat = gym.wrappers.vector.FlattenObservation(envs)
    obs, _ = flat.reset(seed=0)
    assert obs.shape == (2, 225) and flat.observation_space.contains(obs)
    many = gym.wrappers.vector.DictInfoToList(envs)
    _, info = many.reset(seed=0)
    assert len(info) == 2 and "potential" in info[0]


@pytest.mark.parametrize("vectors", [gym.vector.SyncVectorEnv, gym.vector.AsyncVectorEnv])
def test_vector_environments_of_single_environments(vectors):
    name = "gcgen_env:GCGen-Digits-v0"
    envs = vectors([lambda: gym.make(name, obs_mode="compact")] * 2)
    obs, _ = envs.reset(seed=0)
    _, rewards, *_ = envs.step(first_valid(obs))
    envs.close()
    env = gym.make(name, obs_mode="compact")
    for seed in range(2):  # Gymnasium seeds the environments with 0 and 1
        obs, _ = env.reset(seed=seed)
        assert rewards[seed] == env.step(first_valid(obs))[1]
