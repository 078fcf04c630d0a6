"""What the objectives have in common: a GC-agent that keeps its features, and a loss."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.common.decision import Decision, State
from agents.common.proposal_policy import ProposalPolicyMixin
from agents.gcgen.rollout import Trajectories
from gcgen_env.model.chain import Chain


class Objective(ABC):
    """The GC-agent of one roll-out, and the loss of its learned terms."""

    paths: ClassVar[int] = 1
    """Number of trajectories of each goal that the objective prefers."""
    is_mean: ClassVar[bool] = False
    """Whether the loss is a mean over goals and draws nothing, so that processes can share it."""
    updates: ClassVar[int] = 1
    """Number of gradient steps after each roll-out; `loss` is called before each."""

    def __init__(
        self,
        policy: ProposalPolicyMixin,
        chain: Chain,
        num_paths: int,
        generator: torch.Generator,
    ) -> None:
        """Prepare one roll-out.

        Args:
            policy: The GC-agent's policy.
            chain: The chain of the roll-out.
            num_paths: K, trajectories of each goal, adjacent in the batch.
            generator: Makes the random draws.
        """
        self.policy = policy
        self.chain = chain
        self.selection = policy.make_selection()
        self.num_paths = num_paths
        self.generator = generator
        self.unit = math.sqrt(math.prod(chain.shape))  # sqrt(D)
        """Nats in one unit of the value."""
        self._latents: list[Tensor] = []  # H of (B, width), kept for `values`

    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Return normalised log q(a | x, h, g), shape (B, A), in nats."""
        latent = self.selection.embed(decision)  # (B, width)
        self._latents.append(latent)
        return self.selection.logits(decision, latent).log_softmax(-1)

    @abstractmethod
    def loss(self, trajectories: Trajectories) -> Tensor:
        """Return the loss of the learned terms, a scalar; `log_q` has gradient."""

    def values(self) -> Tensor:
        """Return V of every state of the roll-out, shape (B, H), in units of sqrt(D) nats."""
        return self.policy.value_net(torch.stack(self._latents, dim=1)).squeeze(-1)

    def value_loss(self, trajectories: Trajectories) -> Tensor:
        """Return the mean squared error of the value."""
        return F.mse_loss(self.values(), compute_returns(trajectories) / self.unit)


def compute_returns(trajectories: Trajectories) -> Tensor:
    """Compute the part of the negative bound that follows each decision.

    With r the shaping reward,

        G_h = sum_{t >= h} r_t - [log q(a_t) - log p_S(a_t)]
            = Phi(x_H) - Phi(x_h) - sum_{t >= h} [log q(a_t) - log p_S(a_t)]

    Returns:
        G, shape (B, H), in nats, without gradient.
    """
    cost = (trajectories.log_q - trajectories.log_prior).detach()  # (B, H)
    cost_to_go = cost.flip(1).cumsum(1).flip(1)  # sums over t >= h
    potential = trajectories.potential.detach()  # (B, H + 1)
    return potential[:, -1:] - potential[:, :-1] - cost_to_go  # rewards telescope
