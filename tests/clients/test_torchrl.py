"""TorchRL: specs, masks and the batched environment."""

import gymnasium as gym
import pytest
import torch

torchrl = pytest.importorskip("torchrl", exc_type=ImportError)

from torchrl.envs import GymEnv, GymWrapper, TransformedEnv  # noqa: E402
from torchrl.envs.transforms import ActionMask  # noqa: E402
from torchrl.envs.utils import check_env_specs  # noqa: E402


def test_observations_and_actions_match_the_specs():
    env = GymEnv("GCGen-Digits-v0", categorical_action_encoding=True)
    check_env_specs(env)
    assert env.action_spec.n == 16
    assert env.observation_spec["proposals"].shape == (16, 1, 8, 8)


def test_masks_are_respected():
    env = GymEnv("GCGen-Digits-v0", nucleus=0.5, categorical_action_encoding=True)
    env = TransformedEnv(env, ActionMask())
    for seed in range(5):
        env.set_seed(seed)
        steps = env.rollout(8)
        mask = steps["action_mask"].bool()
        assert not mask.all()
        assert mask.gather(-1, steps["action"].unsqueeze(-1)).all()


def test_rollouts_of_the_batched_environment():
    envs = gym.make_vec("GCGen-Digits-v0", num_envs=4, autoreset_mode="Disabled")
    env = GymWrapper(envs, categorical_action_encoding=True)
    steps = env.rollout(8, break_when_any_done=True)
    assert steps.shape == (4, 8)
    assert torch.isfinite(steps["next", "reward"]).all()
    assert steps["next", "done"][:, -1].all()
