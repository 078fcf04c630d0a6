"""What the S-agent minimises, as a pure function of a batch of trajectories."""

from __future__ import annotations

from torch import Tensor

from agents.gcgen.rollout import Trajectories
from gcgen_env.model.sampling import TrainingDiverged


def s_agent_loss(trajectories: Trajectories, auxiliary: float = 0.0) -> Tensor:
    """Compute imitation plus reconstruction, the M-step of the bound, in nats.

        L_S = E[ sum_h -sum_a q(a|x_h,h,g) log p_S(a|x_h,h)  -  log p(g | x_H) ]
              - w E[ mean_{0<h<H} Phi(x_h, g) ]

    q and the actions are held fixed; gradients flow through the whole chain of canvases. With
    w = 0 this is the M-step. The auxiliary term also reconstructs the goal at every intermediate
    step, as Discrete Distribution Networks do (Yang, 2025).

    Args:
        trajectories: B trajectories with gradient.
        auxiliary: w.
    """
    potential = trajectories.potential  # (B, H + 1), in nats
    loss = trajectories.cross_entropy.sum(1) - potential[:, -1]  # (B,), the M-step
    if auxiliary and trajectories.action.shape[1] > 1:  # H = 1 has no intermediate step
        loss = loss - auxiliary * potential[:, 1:-1].mean(1)  # x_1 to x_{H-1}
    return loss.mean()


def check_finite(loss: Tensor, update: int) -> Tensor:
    """Return a finite loss.

    Raises:
        TrainingDiverged: If it is not finite, before the weights change.
    """
    if not loss.isfinite():
        raise TrainingDiverged(
            f"training diverged at update {update}: lower learning_rate; the last checkpoint is "
            "not affected"
        )
    return loss
