"""Tianshou: a masked DQN on `FlatWithMask`, whose observations have Tianshou's form."""

import gymnasium as gym
import numpy as np
import pytest

tianshou = pytest.importorskip("tianshou", exc_type=ImportError)

from gcgen_env.wrappers import FlatWithMask  # noqa: E402


class CountInvalid(gym.Wrapper):
    """Counts the steps and the invalid actions of all environments."""

    invalid = steps = 0

    def step(self, action):
        CountInvalid.invalid += int(not self.unwrapped.action_masks()[action])
        CountInvalid.steps += 1
        return self.env.step(action)


def make_env():
    env = gym.make("GCGen-Digits-v0", obs_mode="compact", nucleus=0.5)
    return FlatWithMask(CountInvalid(env))


def test_a_masked_dqn_selects_no_invalid_action():
    import torch
    from tianshou.algorithm import DQN
    from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
    from tianshou.algorithm.optim import AdamOptimizerFactory
    from tianshou.data import Collector, VectorReplayBuffer
    from tianshou.env import DummyVectorEnv

    class Net(torch.nn.Module):
        def __init__(self, inputs, actions):
            super().__init__()
            self.body = torch.nn.Sequential(
                torch.nn.Linear(inputs, 32), torch.nn.ReLU(), torch.nn.Linear(32, actions)
            )

        def forward(self, obs, state=None, info=None):
            vector = obs.obs if hasattr(obs, "obs") else obs
            return self.body(torch.as_tensor(np.asarray(vector), dtype=torch.float32)), state

    env = make_env()
    inputs, actions = env.observation_space["obs"].shape[0], env.action_space.n
    policy = DiscreteQLearningPolicy(
        model=Net(inputs, actions), action_space=env.action_space, eps_training=0.3
    )
    algorithm = DQN(policy=policy, optim=AdamOptimizerFactory(lr=1e-3), target_update_freq=20)
    envs = DummyVectorEnv([make_env for _ in range(2)])
    collector = Collector(algorithm, envs, VectorReplayBuffer(1000, 2), exploration_noise=True)
    collector.reset()
    CountInvalid.invalid = CountInvalid.steps = 0
    collector.collect(n_step=400)
    assert CountInvalid.steps >= 400
    assert CountInvalid.invalid == 0
