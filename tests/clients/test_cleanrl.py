"""PPO in the form of CleanRL, on flat observations."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from examples import ppo_single_file


def test_flat_observation():
    env = gym.wrappers.FlattenObservation(gym.make("GCGen-Digits-v0", obs_mode="compact"))
    obs, _ = env.reset(seed=0)
    assert isinstance(env.observation_space, gym.spaces.Box)
    assert env.observation_space.contains(obs)


@pytest.mark.parametrize("env_id", ["GCGen-Digits-Flat-v0", "gcgen_env:GCGen-Toy2D-Flat-v0"])
def test_a_flat_id_is_all_that_the_scripts_of_cleanrl_need(env_id):
    """What its `ppo.py` and `dqn.py` do with the environments, line for line."""

    def thunk():
        env = gym.wrappers.RecordEpisodeStatistics(gym.make(env_id))
        env.action_space.seed(1)
        return env

    envs = gym.vector.SyncVectorEnv([thunk for _ in range(4)])
    assert isinstance(envs.single_action_space, gym.spaces.Discrete)
    size = np.array(envs.single_observation_space.shape).prod()
    weights = torch.nn.Linear(size, envs.single_action_space.n)
    obs, _ = envs.reset(seed=1)
    episodes = 0
    for _ in range(30):
        action = weights(torch.Tensor(obs)).argmax(1)
        obs, reward, terminations, truncations, _ = envs.step(action.cpu().numpy())
        assert obs.dtype == np.float32 and obs.shape == (4, size) and reward.shape == (4,)
        assert not truncations.any()  # `dqn.py` would look for the observation before the cut
        episodes += int(terminations.sum())
    assert episodes >= 12


def test_ppo_improves():
    few, many = (
        ppo_single_file.main(ppo_single_file.Args(total_timesteps=n, seed=1)) for n in (1024, 16384)
    )
    assert many > few + 3
