"""Hindsight replay of every reward: recomputed rewards against the environment's own."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
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
    """Let relabelling give every transition the goal it has."""
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
    phi = model.env.envs.episodes.chain.likelihood.potential
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


def test_the_error_of_sb3s_buffer_names_this_one():
    with pytest.raises(ValueError, match="GoalReplayBuffer"):
        make_dqn(make_vec_env(4, obs_mode="compact"), HerReplayBuffer).learn(300)


def test_an_empty_relabelled_part_is_harmless():
    model = make_dqn(make_vec_env(4, obs_mode="compact")).learn(100)
    assert model.replay_buffer.sample(1).rewards.shape == (1, 1)


@pytest.mark.parametrize("single", [True, False], ids=["DummyVecEnv", "GCGenVecEnv"])
@pytest.mark.parametrize("proposer", ["pretrained", "dictionary"])
def test_proposals_are_recomputed_instead_of_stored(single, proposer, monkeypatch):
    options = {"obs_mode": "pixels", "proposer": proposer}
    env = make_env(**options) if single else make_vec_env(4, **options)
    shown = []
    add = GoalReplayBuffer.add

    def record(buffer, obs, next_obs, *rest):
        shown.append((obs["proposals"].copy(), next_obs["proposals"].copy()))
        add(buffer, obs, next_obs, *rest)

    monkeypatch.setattr(GoalReplayBuffer, "add", record)
    model = make_dqn(env).learn(200)
    buffer = model.replay_buffer
    assert "proposals" not in buffer.observations
    rows = whole_episodes(buffer)
    with monkeypatch.context() as patch:
        patch.setattr(np.random, "choice", lambda valid, size, replace: valid[:size])
        sample = buffer.sample(len(rows[0]))
    relabelled = int(buffer.her_ratio * len(rows[0]))  # come last in the sample
    rows = [np.concatenate([each[relabelled:], each[:relabelled]]) for each in rows]
    for found, stored in ((sample.observations, 0), (sample.next_observations, 1)):
        expected = np.stack([shown[i][stored][j] for i, j in zip(*rows, strict=True)])
        error = np.abs(found["proposals"].numpy() - expected)
        assert error.max() < 1e-3


def test_ends_are_recomputed(monkeypatch):
    """An environment that also ends on success ends where the new goal was reached."""
    model = make_dqn(make_vec_env(4, obs_mode="compact", success_threshold=0.2)).learn(300)
    buffer, envs = model.replay_buffer, model.env.envs
    rows = whole_episodes(buffer)
    plain = buffer._get_virtual_samples(*rows)
    assert torch.equal(plain.dones.squeeze(1), torch.from_numpy(buffer.dones[rows]))

    def compute_terminated(achieved, desired, info):
        near = np.square(achieved - desired).mean(axis=(1, 2, 3)) < 1e-6
        return near | (info["step"] == envs.config.horizon)

    monkeypatch.setattr(envs, "compute_terminated", compute_terminated)
    sample = buffer._get_virtual_samples(*rows)
    reached, goal = sample.next_observations["achieved_goal"], sample.observations["desired_goal"]
    there = (reached - goal).square().mean((1, 2, 3)) < 1e-6
    ended = sample.dones.squeeze(1) > 0
    assert ended[there].all()
    assert there.sum() > plain.dones.sum()  # in the middle of episodes, too


def test_keys_that_may_depend_on_the_goal_are_refused():
    env = gym.wrappers.TransformObservation(
        make_env(obs_mode="compact"),
        lambda obs: {**obs, "error": np.abs(obs["observation"] - obs["desired_goal"])},
        None,
    )
    space = env.unwrapped.observation_space
    env.observation_space = gym.spaces.Dict({**space.spaces, "error": space["observation"]})
    with pytest.raises(ValueError, match="error of the observation may depend on it"):
        make_dqn(env)


def test_normalised_images_are_refused():
    env = DummyVecEnv([lambda: make_env(obs_mode="pixels")])
    env = VecNormalize(env, norm_obs_keys=["observation"])
    model = make_dqn(env)
    model.learn(16)
    with pytest.raises(ValueError, match="norm_obs=False"):
        model.replay_buffer.sample(4, env)
