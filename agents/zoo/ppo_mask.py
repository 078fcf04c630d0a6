"""MaskablePPO with a policy that scores proposals, for RL Baselines3 Zoo.

    python -m agents.zoo.ppo_mask --algo ppo_mask --env ID ... -conf agents.zoo.ppo_mask

The zoo does not include MaskablePPO, so this module registers it and then runs `rl_zoo3.train`
with the same options. Pass `--gym-packages gcgen_env --eval-freq -1`: the zoo's own evaluation
provides no masks; `evaluate_agent` of `agents.common.evaluation` does.
"""

from __future__ import annotations

from agents.zoo.ppo import make_options
from gcgen_env import ENV_IDS

OPTIONS = make_options("maskable_ppo+proposals", "agents.gcgen.policies.MaskableGCPolicy")
"""The hyperparameters of every id."""

hyperparams = {env_id: dict(OPTIONS) for env_id in ENV_IDS}
"""Hyperparameters by environment id, as the zoo expects them."""


def main() -> None:
    """Register MaskablePPO, as the zoo's documentation describes, and run the zoo."""
    import rl_zoo3  # here, because the zoo also imports this module for `hyperparams`
    from rl_zoo3.train import train
    from sb3_contrib import MaskablePPO

    rl_zoo3.ALGOS["ppo_mask"] = MaskablePPO
    rl_zoo3.exp_manager.ALGOS["ppo_mask"] = MaskablePPO
    train()


if __name__ == "__main__":
    main()
