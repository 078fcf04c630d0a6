"""Hindsight replay of every reward: recomputed rewards against the environment's own."""

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN
from stable_baselines3.her import HerReplayBuffer

from agents import GoalReplayBuffer
from tests.agents.conftest import make_env, make_vec_env

REWARDS = ("potential", "distance", "sparse")


def make_dqn(env, buffer=GoalReplayBuffer, **kwargs):
    return DQN(
        "MultiInputPolicy",
        env,
        buffer_size=512,
        learning_starts=64,
        batch_size=32,
        replay_buffer_class=buffer,
        policy_kwargs={"net_arch": [16]},
        seed=0,
        **kwargs,
    )


def keep_goals(buffer, monkeypatch):
    """Let relabelling put back the goals that were there."""
    goals = buffer.observations["desired_goal"]
    monkeypatch.setattr(buffer, "_sample_goals", lambda batch, env: goals[batch, env].copy())


def whole_episodes(buffer):
    return np.nonzero(buffer.ep_length > 0)


@pytest.mark.parametrize("reward_type", REWARDS)
@pytest.mark.parametrize("single", [True, False], ids=["DummyVecEnv", "GCGenVecEnv"])
def test_rewards_of_kept_goals_equal_the_stored_ones(reward_type, single, monkeypatch):
    options = {"obs_mode": "compact", "reward_type": reward_type, "success_threshold": 0.35}
    env = make_env(**options) if single else make_vec_env(4, **options)
    model = make_dqn(env).learn(300)
    buffer = model.replay_buffer
    keep_goals(buffer, monkeypatch)
    rows = whole_episodes(buffer)
    rewards = buffer._get_virtual_samples(*rows).rewards.squeeze(1)
    stored = torch.from_numpy(buffer.rewards[rows])
    assert len(rewards) > 200 and len(stored.unique()) > 1
    assert torch.equal(rewards, stored)


def test_relabelled_rewards_are_those_of_the_new_goal():
    """Recomputed from the images of the sample alone, with the environment's potential."""
    model = make_dqn(make_vec_env(4, obs_mode="compact")).learn(300)
    sample = model.replay_buffer.sample(400)
    left, reached = (
        obs["achieved_goal"].numpy() for obs in (sample.observations, sample.next_observations)
    )
    goal = sample.observations["desired_goal"].numpy()
    phi = model.env.envs.core.chain.likelihood.potential
    expected = (phi(reached, goal) - phi(left, goal)).astype(np.float32)
    np.testing.assert_array_equal(sample.rewards.numpy()[:, 0], expected)
    grey = (goal != goal.round()).reshape(400, -1).any(axis=1)
    assert grey.mean() == pytest.approx(0.8, abs=0.01)  # achieved images, four goals of five


def test_the_environment_is_put_back_even_after_an_error(monkeypatch):
    model = make_dqn(make_vec_env(4, obs_mode="compact")).learn(100)
    buffer, env = model.replay_buffer, model.replay_buffer.env
    monkeypatch.setattr(env.envs, "compute_reward", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        buffer.sample(8)
    assert buffer.env is env


def test_the_plain_buffer_names_this_one():
    with pytest.raises(ValueError, match="GoalReplayBuffer"):
        make_dqn(make_vec_env(4, obs_mode="compact"), HerReplayBuffer).learn(300)


def test_an_empty_relabelled_part_is_harmless():
    model = make_dqn(make_vec_env(4, obs_mode="compact")).learn(100)
    assert model.replay_buffer.sample(1).rewards.shape == (1, 1)
