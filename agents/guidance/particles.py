"""Sequential Monte Carlo: how particles are weighted, resampled and chosen."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_EFFECTIVE = 0.5
"""Share of the particles that must count; below it they are resampled."""


def effective_size(log_weight: Tensor) -> Tensor:
    """Return how many of K particles count: 1 / sum w^2 of the normalised weights.

    Args:
        log_weight: Shape (B, K), not normalised.

    Returns:
        Numbers in [1, K], shape (B,).
    """
    return 1 / log_weight.softmax(-1).square().sum(-1)


def resample(log_weight: Tensor, offset: Tensor) -> Tensor:
    """Draw K particles by their weights, with systematic resampling (Kitagawa, 1996).

    Particle k is drawn floor(K w_k) or ceil(K w_k) times.

    Args:
        log_weight: Shape (B, K), not normalised.
        offset: One uniform number in [0, 1) for each group, shape (B,).

    Returns:
        The particles drawn, in increasing order, shape (B, K), int64.
    """
    num = log_weight.shape[-1]
    total = log_weight.softmax(-1).cumsum(-1)  # (B, K)
    ticks = (torch.arange(num, device=total.device) + offset.unsqueeze(-1)) / num  # (B, K)
    return torch.searchsorted(total, ticks.to(total), right=True).clamp(max=num - 1)


def choose_ancestors(log_weight: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Resample the groups whose effective size is below half of K, and keep the others.

    Args:
        log_weight: Shape (B, K), not normalised.
        offset: Uniform numbers, shape (B,).

    Returns:
        The particle that each continues, shape (B, K), int64, and the weights from then on,
        shape (B, K).
    """
    num = log_weight.shape[-1]
    is_poor = (effective_size(log_weight) < LEAST_EFFECTIVE * num).unsqueeze(-1)  # (B, 1)
    ancestors = torch.where(is_poor, resample(log_weight, offset), torch.arange(num))
    return ancestors, log_weight.masked_fill(is_poor, 0.0)


def choose_particle(log_weight: Tensor, offset: Tensor) -> Tensor:
    """Draw one of K particles by its weight.

    Args:
        log_weight: Shape (B, K), not normalised.
        offset: One uniform number in [0, 1) for each group, shape (B,).

    Returns:
        Its index, shape (B,), int64.
    """
    total = log_weight.softmax(-1).cumsum(-1)  # (B, K)
    chosen = torch.searchsorted(total, offset.unsqueeze(-1).to(total), right=True)
    return chosen.squeeze(-1).clamp(max=log_weight.shape[-1] - 1)
