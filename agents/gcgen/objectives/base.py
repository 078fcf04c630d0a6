"""What the families have in common: a selector that watches, and a loss at the end."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.rollout import Decision, Path


class Objective(ABC):
    """Selects as the GC-agent does during one roll-out, and says what it should have learned."""

    paths: ClassVar[int] = 1
    """Trajectories wanted of each goal, side by side."""

    def __init__(self, agent: GCAgent, num_paths: int, generator: torch.Generator) -> None:
        """Note the GC-agent of this roll-out.

        Args:
            agent: Selects.
            num_paths: K, trajectories of each goal, side by side.
            generator: Makes the random draws.
        """
        self.agent = agent
        self.num_paths = num_paths
        self.generator = generator
        self.unit = math.sqrt(math.prod(agent.chain.shape))
        """Nats for each unit of the value."""

    def __call__(self, decision: Decision) -> Tensor:
        """Return normalised log q(a | x, h, g), shape (B, A), in nats."""
        return self.agent(decision)

    @abstractmethod
    def loss(self, path: Path) -> Tensor:
        """Return what the learned terms minimise, a scalar; `log_q` of the path has gradient."""

    def value_loss(self, path: Path) -> Tensor:
        """Return the mean squared error of the value."""
        return F.mse_loss(self.agent.values(), compute_returns(path) / self.unit)


def compute_returns(path: Path) -> Tensor:
    """Compute what the bound still has to give from each decision on.

    With r the shaping reward,

        G_h = sum_{t >= h} r_t - [log q(a_t) - log p_S(a_t)]
            = Phi(x_H) - Phi(x_h) - sum_{t >= h} [log q(a_t) - log p_S(a_t)]

    Returns:
        G, shape (B, H), in nats, without gradient.
    """
    cost = (path.log_q - path.log_prior).detach()
    cost_to_go = cost.flip(1).cumsum(1).flip(1)
    potential = path.potential.detach()
    return potential[:, -1:] - potential[:, :-1] - cost_to_go
