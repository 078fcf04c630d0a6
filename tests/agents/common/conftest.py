"""Off-policy models on environments with invalid proposals."""

import gymnasium as gym
import numpy as np
import pytest

from agents.common.masking import sample_valid
from agents.maskable_dqn import MaskableDQN
from agents.maskable_qrdqn import MaskableQRDQN

ALGORITHMS = (MaskableDQN, MaskableQRDQN)
NUCLEUS = 0.6
FAST = {"learning_starts": 40, "train_freq": 8, "batch_size": 16, "buffer_size": 400}


def make_env(env_id="GCGen-Digits-v0", **kwargs):
    """Make an environment with invalid proposals."""
    return gym.make(env_id, nucleus=NUCLEUS, **kwargs)


def make_model(algorithm, policy, env=None, **kwargs):
    """Make an off-policy model that begins to learn soon."""
    return algorithm(policy, env or make_env(), seed=0, **{**FAST, **kwargs})


def values_of(model, observation):
    """Return Q of the online and the target network, each (B, A)."""
    policy = model.policy
    names = ("q_net", "quantile_net")
    nets = [
        getattr(policy, n + end) for n in names for end in ("", "_target") if hasattr(policy, n)
    ]
    values = [net(observation) for net in nets]
    return [v.mean(1) if v.ndim == 3 else v for v in values]


@pytest.fixture(scope="module")
def observations():
    """Observations of three episodes, batched; some proposals are invalid."""
    envs = gym.make_vec("GCGen-Digits-v0", num_envs=3, nucleus=NUCLEUS, autoreset_mode="SameStep")
    obs, _ = envs.reset(seed=0)
    rows = [obs]
    for _ in range(4):
        obs, *_ = envs.step(sample_valid(envs.action_masks(), np.random.default_rng(0)))
        rows.append(obs)
    return {key: np.concatenate([row[key] for row in rows]) for key in obs}
