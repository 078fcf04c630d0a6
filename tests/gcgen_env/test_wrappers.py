"""Wrappers for other libraries."""

import gymnasium as gym
import numpy as np
import pytest

from gcgen_env.wrappers import FlatWithMask


def make(**kwargs):
    return gym.make("GCGen-Digits-v0", proposer="dictionary", **kwargs)


@pytest.mark.parametrize("obs_mode", ["pixels", "compact"])
def test_vector_and_mask(obs_mode):
    env = FlatWithMask(make(obs_mode=obs_mode))
    plain = make(obs_mode=obs_mode)
    obs, _ = env.reset(seed=0)
    expected, _ = plain.reset(seed=0)
    for _ in range(3):
        assert env.observation_space.contains(obs)
        flat = gym.spaces.flatten(plain.observation_space, expected)
        np.testing.assert_array_equal(obs["obs"], flat)
        np.testing.assert_array_equal(obs["mask"], expected["action_mask"] > 0)
        action = int(obs["mask"].argmax())
        obs, *_ = env.step(action)
        expected, *_ = plain.step(action)


def test_without_a_mask():
    with pytest.raises(ValueError, match="needs observations with the key"):
        FlatWithMask(gym.make("CartPole-v1"))
