"""Wrappers for other libraries."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from gcgen_env.testing.episodes import find_difference
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


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_flat_vectors_are_those_of_the_dictionaries(mode):
    kwargs = {"num_envs": 3, "proposer": "dictionary", "autoreset_mode": mode, "horizon": 2}
    flat = gym.make_vec("GCGen-Digits-Flat-v0", **kwargs)
    plain = gym.make_vec("GCGen-Digits-v0", obs_mode="compact", **kwargs)
    assert flat.metadata["autoreset_mode"] is mode
    space = plain.single_observation_space

    def check(vectors, obs):
        assert flat.observation_space.contains(vectors)
        for i in range(3):
            one = {key: value[i] for key, value in obs.items()}
            np.testing.assert_array_equal(vectors[i], gym.spaces.flatten(space, one))

    check(flat.reset(seed=1)[0], plain.reset(seed=1)[0])
    for _ in range(2 if mode is AutoresetMode.DISABLED else 7):
        (vectors, *rest), (obs, *others) = (each.step(np.arange(3)) for each in (flat, plain))
        check(vectors, obs)
        for i in np.flatnonzero(others[-1].get("_final_obs", ())):
            last = rest[-1]["final_obs"][i]
            expected = gym.spaces.flatten(space, others[-1]["final_obs"][i])
            np.testing.assert_array_equal(last, expected)
            rest[-1]["final_obs"][i] = others[-1]["final_obs"][i]
        assert find_difference(rest, others) is None
