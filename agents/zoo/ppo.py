"""PPO with a policy that scores proposals, for RL Baselines3 Zoo.

python -m rl_zoo3.train --algo ppo --env ID --gym-packages gcgen_env -conf agents.zoo.ppo
"""

from __future__ import annotations

from typing import Any

from agents.benchmark.contestants import NO_PRIOR, ON_POLICY
from gcgen_env import ENV_IDS

OPTIONS: dict[str, Any] = {
    "n_envs": 8,
    "n_timesteps": 100_000,
    "policy": "agents.gcgen.policies.GCPolicy",
    **ON_POLICY,
    **NO_PRIOR,
    "n_steps": 128,  # of 8 environments instead of 64
    "learning_rate": "lin_0.001",  # the zoo's name of a linear schedule
}
"""The hyperparameters of `gcgen benchmark` for 8 environments; rewards stay in nats here."""

hyperparams = {env_id: dict(OPTIONS) for env_id in ENV_IDS}
"""Hyperparameters by environment id, as the zoo expects them."""
