"""q(a | x, h, g): how the GC-agent selects among proposals.

    q(a | x, h, g)  ∝  p_S(a | x, h) exp( beta_h [Phi(x'_a, g) - Phi(x, g)] + s_a(x, h, g) )

The look-ahead term is exact, because all next states are known; s_a is learned. With s_a = 0
and beta = 1 it is the soft optimum of a task that ends after this step. beta_h rises linearly in
h / H, and is multiplied by a learned factor if s_a is learned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from agents.common.decision import INVALID_LOGIT, Decision, State
from agents.common.scorer import ProposalScorer, score_proposals


@dataclass(frozen=True)
class SelectionConfig:
    """Terms of the logits.

    Attributes:
        prior: Add log p_S.
        look_ahead: beta_h at h = 0 and, linearly in h / H, at h = H; None leaves the term out.
        learned: Add the learned score, and multiply beta_h by its learned factor.
        hard: Put all probability on the largest logit, as Discrete Distribution Networks do.
    """

    prior: bool = True
    look_ahead: tuple[float, float] | None = (0.2, 1.1)
    learned: bool = True
    hard: bool = False

    def __post_init__(self) -> None:
        """Normalise the temperatures, which JSON gives as a list, and check them."""
        if self.look_ahead is None:
            return
        try:
            ramp = tuple(float(beta) for beta in self.look_ahead)
        except (TypeError, ValueError):
            ramp = ()  # rejected below, with the value in the message
        if len(ramp) != 2 or not all(0 <= beta < math.inf for beta in ramp):
            raise ValueError(
                f"look_ahead must be two temperatures, not negative, or None; got {self.look_ahead}"
            )
        object.__setattr__(self, "look_ahead", ramp)  # the dataclass is frozen

    def temperature(self, progress: Tensor) -> Tensor:
        """Return beta_h of h / H, any shape, without its learned factor; 1 without look-ahead."""
        first, last = (1.0, 1.0) if self.look_ahead is None else self.look_ahead
        return first + (last - first) * progress


class Selection(NamedTuple):
    """The terms of log q and their learned part; calling it gives log q for a roll-out."""

    config: SelectionConfig
    """Terms of the logits."""
    scorer: ProposalScorer
    """Learned score and learned factor of beta_h."""

    def __call__(self, state: State, decision: Decision) -> Tensor:
        """Return normalised log q(a | x, h, g), shape (B, A), in nats."""
        latent = self.embed(decision) if self.config.learned else None  # (B, width)
        return self.logits(decision, latent).log_softmax(-1)

    def embed(self, decision: Decision) -> Tensor:
        """Return the scorer's features (B, width) of state and goal, if it sees the goal."""
        goal = decision.goal if self.scorer.sees_goal else None
        return self.scorer.embed(decision.image, goal, decision.progress)

    def temperature(self, progress: Tensor) -> Tensor:
        """Return beta_h of h / H (B, 1), with its learned factor if there is one."""
        beta = self.config.temperature(progress)  # (B, 1)
        return beta * self.scorer.temperature_factor(progress) if self.config.learned else beta

    def logits(self, decision: Decision, latent: Tensor | None) -> Tensor:
        """Add up the terms of log q, before normalisation.

        Args:
            decision: The proposals.
            latent: `embed(decision)`; only needed if the score is learned.

        Returns:
            Logits, shape (B, A), `INVALID_LOGIT` where invalid.
        """
        config, log_prior = self.config, decision.log_prior  # (B, A)
        invalid = log_prior <= INVALID_LOGIT  # -inf in roll-outs, INVALID_LOGIT if observed
        logits = log_prior if config.prior else torch.zeros_like(log_prior)  # zeros: uniform
        if config.look_ahead is not None and self.scorer.sees_goal:
            logits = logits + self.temperature(decision.progress) * decision.gain
        if config.learned and latent is not None:
            direction = decision.compress(self.scorer.point(latent))  # k / sqrt(D), (B, P)
            logits = logits + score_proposals(direction, decision.proposals, decision.values)
        if config.hard:
            best = logits.masked_fill(invalid, INVALID_LOGIT).argmax(-1, keepdim=True)
            return torch.full_like(logits, INVALID_LOGIT).scatter(-1, best, 0.0)  # q(best) = 1
        return logits.masked_fill(invalid, INVALID_LOGIT)  # finite, so that q log q = 0, not NaN
