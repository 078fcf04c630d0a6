"""PPO that scores proposals, for RL Baselines3 Zoo.

python -m rl_zoo3.train --algo ppo --env ID --gym-packages gcgen_env -conf agents.zoo.ppo
"""

from __future__ import annotations

from typing import Any

from gcgen_env import ENV_IDS

OPTIONS: dict[str, Any] = {
    "n_envs": 8,
    "n_timesteps": 100_000,
    "policy": "agents.gcgen.policies.GCPolicy",
    "policy_kwargs": {"prior": False},
    "n_steps": 128,
    "batch_size": 256,
    "gamma": 1.0,
    "ent_coef": 0.0,
}
"""The hyperparameters of `gcgen benchmark`."""

hyperparams = {env_id: dict(OPTIONS) for env_id in ENV_IDS}
"""By environment, as the zoo looks them up."""
