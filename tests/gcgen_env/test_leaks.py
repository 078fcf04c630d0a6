"""Memory stays flat over many steps, and over many environments made and closed."""

import gc

import gymnasium as gym
import numpy as np
import psutil
import pytest

from gcgen_env.config import OBS_MODES

pytestmark = pytest.mark.slow
MEGABYTE = 1 << 20


def read_memory():
    """Return the memory of this process in bytes."""
    gc.collect()
    return psutil.Process().memory_info().rss


@pytest.mark.parametrize("obs_mode", OBS_MODES)
@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
def test_many_vector_steps(obs_mode, mode):
    num_steps = 50_000  # 200,000 in all four
    envs = gym.make_vec("GCGen-Digits-v0", num_envs=2, autoreset_mode=mode, obs_mode=obs_mode)
    obs, _ = envs.reset(seed=[0, 1])
    before = 0
    for i in range(num_steps):
        if i == num_steps // 10:
            before = read_memory()
        obs, *_ = envs.step(obs["action_mask"].argmax(axis=1))
    growth = read_memory() - before
    print(f"{mode}, {obs_mode}: {growth / MEGABYTE:+.1f} MB after {num_steps:,} vector steps")
    assert growth < 4 * MEGABYTE


@pytest.mark.parametrize("env_id", ["GCGen-Digits-v0", "GCGen-Toy2D-Flat-v0"])
def test_many_environments(env_id):
    before = 0
    for i in range(200):
        if i == 20:
            before = read_memory()
        env = gym.make(env_id, render_mode="rgb_array")
        envs = gym.make_vec(env_id, num_envs=8)
        env.reset(seed=i)
        env.step(0)
        env.render()
        envs.reset(seed=i)
        envs.step(np.zeros(8, int))
        env.close()
        envs.close()
    growth = read_memory() - before
    print(f"{env_id}: {growth / MEGABYTE:+.1f} MB after 180 more environments")
    assert growth < 4 * MEGABYTE
