"""MaskablePPO that scores proposals, for RL Baselines3 Zoo, which does not know MaskablePPO.

    python -m agents.zoo.ppo_mask --algo ppo_mask --env ID ... -conf agents.zoo.ppo_mask

with the options of `rl_zoo3.train`, `--gym-packages gcgen_env --eval-freq -1` among them: the
zoo's own evaluation gives no masks. `evaluate_agent` of `agents.common.evaluation` does.
"""

from __future__ import annotations

from agents.zoo.ppo import OPTIONS
from gcgen_env import ENV_IDS

hyperparams = {
    env_id: {**OPTIONS, "policy": "agents.gcgen.policies.MaskableGCPolicy"} for env_id in ENV_IDS
}
"""By environment, as the zoo looks them up."""


def main() -> None:
    """Let the zoo know MaskablePPO, as its documentation says, and hand over to it."""
    import rl_zoo3
    from rl_zoo3.train import train
    from sb3_contrib import MaskablePPO

    rl_zoo3.ALGOS["ppo_mask"] = MaskablePPO
    rl_zoo3.exp_manager.ALGOS["ppo_mask"] = MaskablePPO
    train()


if __name__ == "__main__":
    main()
