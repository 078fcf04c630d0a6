"""PPO in the form of CleanRL, on flat observations."""

import gymnasium as gym

from examples import ppo_single_file


def test_flat_observation():
    env = gym.wrappers.FlattenObservation(gym.make("GCGen-Digits-v0", obs_mode="compact"))
    obs, _ = env.reset(seed=0)
    assert isinstance(env.observation_space, gym.spaces.Box)
    assert env.observation_space.contains(obs)


def test_ppo_improves():
    few, many = (
        ppo_single_file.main(ppo_single_file.Args(total_timesteps=n, seed=1)) for n in (1024, 16384)
    )
    assert many > few + 3
