"""PPO with a policy that scores proposals, for RL Baselines3 Zoo.

python -m rl_zoo3.train --algo ppo --env ID --gym-packages gcgen_env -conf agents.zoo.ppo
"""

from __future__ import annotations

from typing import Any

from agents.benchmark.contestants import find_contestant
from gcgen_env import ENV_IDS

NUM_ENVS = 8
"""Number of environments; a benchmark has more, and then fewer steps of each in an update."""


def make_options(contestant: str, policy: str) -> dict[str, Any]:
    """Return the hyperparameters of a contestant of `gcgen benchmark` in the zoo's form.

    An update has as many decisions as in a benchmark. Rewards stay in nats here.

    Args:
        contestant: Name of a contestant.
        policy: Module and class of its policy.
    """
    found = find_contestant(contestant)
    options = {k: v for k, v in found.options.items() if k not in ("algorithm", "policy")}
    options["n_steps"] = options["n_steps"] * found.num_envs // NUM_ENVS
    if isinstance(options["learning_rate"], tuple):
        options["learning_rate"] = f"lin_{options['learning_rate'][0]:g}"  # falls to zero
    return {"n_envs": NUM_ENVS, "n_timesteps": 100_000, "policy": policy, **options}


OPTIONS = make_options("ppo+proposals", "agents.gcgen.policies.GCPolicy")
"""The hyperparameters of every id."""

hyperparams = {env_id: dict(OPTIONS) for env_id in ENV_IDS}
"""Hyperparameters by environment id, as the zoo expects them."""
