"""q(a | x, h, g): how the GC-agent selects among proposals.

    q(a | x, h, g)  ∝  p_S(a | x, h) exp( beta_h [Phi(x'_a, g) - Phi(x, g)] + s_a(x, h, g) )

The look-ahead term is exact and free, as all next states are known; s_a is learned. With
s_a = 0 and beta = 1 it is the soft optimum of a task that ends after this step. beta_h rises
linearly in h / H; where s_a is learned, so is a factor of beta_h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

INVALID_LOGIT = -1e8
"""Logit of an invalid proposal: its probability is exactly zero in float32."""


@dataclass(frozen=True)
class SelectionConfig:
    """Which terms the logits have."""

    prior: bool = True
    """Add log p_S."""
    look_ahead: tuple[float, float] | None = (0.2, 1.1)
    """beta at h = 0 and, linearly in h / H, at h = H; None leaves the term out."""
    learned: bool = True
    """Add the learned score."""
    hard: bool = False
    """Put all probability on the largest logit."""

    def __post_init__(self) -> None:
        """Normalise the ramp (JSON gives lists) and check it."""
        if self.look_ahead is None:
            return
        try:
            ramp = tuple(float(beta) for beta in self.look_ahead)
        except (TypeError, ValueError):
            ramp = ()
        if len(ramp) != 2 or not all(0 <= beta < math.inf for beta in ramp):
            raise ValueError(
                f"look_ahead must be two temperatures, not negative, or None; got {self.look_ahead}"
            )
        object.__setattr__(self, "look_ahead", ramp)

    def temperature(self, progress: Tensor) -> Tensor:
        """Return beta_h of a progress h / H, any shape; 1 where there is no look-ahead."""
        first, last = (1.0, 1.0) if self.look_ahead is None else self.look_ahead
        return first + (last - first) * progress


def selection_logits(
    config: SelectionConfig,
    log_prior: Tensor,
    gain: Tensor | None,
    score: Tensor | None,
    progress: Tensor,
    factor: Tensor | None = None,
) -> Tensor:
    """Add up the terms of log q, before normalisation.

    Args:
        config: Which terms.
        log_prior: log p_S, shape (B, A), -inf or `INVALID_LOGIT` where invalid.
        gain: Phi(x'_a, g) - Phi(x, g), shape (B, A), in nats; None leaves it out.
        score: s_a, shape (B, A); None leaves it out.
        progress: h / H, shape (B, 1).
        factor: Learned factor of beta_h, shape (B, 1); None for 1.

    Returns:
        Logits, shape (B, A), `INVALID_LOGIT` where invalid.
    """
    invalid = log_prior <= INVALID_LOGIT
    logits = log_prior if config.prior else torch.zeros_like(log_prior)
    if gain is not None and config.look_ahead is not None:
        beta = config.temperature(progress)
        logits = logits + (beta if factor is None else beta * factor) * gain
    if score is not None and config.learned:
        logits = logits + score
    if config.hard:
        best = logits.masked_fill(invalid, INVALID_LOGIT).argmax(-1, keepdim=True)
        return torch.full_like(logits, INVALID_LOGIT).scatter(-1, best, 0.0)
    return logits.masked_fill(invalid, INVALID_LOGIT)
