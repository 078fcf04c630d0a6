"""q(a | x, h, g): how the GC-agent selects among proposals.

    q(a | x, h, g)  ∝  p_S(a | x, h) exp( beta_h [Phi(x'_a, g) - Phi(x, g)] + s_a(x, h, g) )

The look-ahead term is exact, because all next states are known; s_a is learned. With s_a = 0
and beta = 1 it is the soft optimum of a task that ends after this step. beta_h rises linearly in
h / H, and is multiplied by a learned factor if s_a is learned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from agents.common.decision import INVALID_LOGIT, Decision, State
from agents.common.scorer import ProposalScorer, score_proposals
from agents.common.selection_config import SelectionConfig


class Selection(NamedTuple):
    """The terms of log q and their learned part; calling it gives log q for a roll-out."""

    config: SelectionConfig
    """Terms of the logits."""
    scorer: ProposalScorer
    """Learned score and learned factor of beta_h."""
    next_scores: Callable[[Decision], Tensor] | None = None
    """Learned score of the next images, shape (B, A), in nats, which is added to their gain."""

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
            gain = decision.gain
            if self.next_scores is not None:
                gain = gain + self.next_scores(decision)
            logits = logits + self.temperature(decision.progress) * gain
        if config.learned and latent is not None:
            direction = decision.compress(self.scorer.point(latent))  # k / sqrt(D), (B, P)
            logits = logits + score_proposals(direction, decision.proposals, decision.values)
        if config.hard:
            best = logits.masked_fill(invalid, INVALID_LOGIT).argmax(-1, keepdim=True)
            return torch.full_like(logits, INVALID_LOGIT).scatter(-1, best, 0.0)  # q(best) = 1
        return logits.masked_fill(invalid, INVALID_LOGIT)  # finite, so that q log q = 0, not NaN
