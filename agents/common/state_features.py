"""Features of states for networks: h / H as a piecewise linear basis, and the gap to the goal."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.common.scorer import KNOTS
from gcgen_env.model.likelihoods import Likelihood


def make_step_basis(progress: Tensor) -> Tensor:
    """Return the hat functions of `KNOTS` points in [0, 1] at h / H.

    A linear layer on top is any piecewise linear function of h / H.

    Args:
        progress: h / H, shape (B, 1).

    Returns:
        Features in [0, 1] whose sum is 1, shape (B, KNOTS).
    """
    knots = torch.arange(KNOTS, dtype=progress.dtype, device=progress.device)
    return torch.relu(1 - (progress * (KNOTS - 1) - knots).abs())


def measure_potential(likelihood: Likelihood, image: Tensor, goal: Tensor) -> Tensor:
    """Return Phi = log p(g | x) of images (B, D) and goals (B, D), shape (B, 1), in nats."""
    return likelihood.log_prob_terms(likelihood.to_canvas(image), goal).sum(-1, keepdim=True)


def measure_gap(likelihood: Likelihood, image: Tensor, goal: Tensor) -> Tensor:
    """Return Phi(g, g) - Phi(x, g), what is left to gain, shape (B, 1), in nats."""
    return measure_potential(likelihood, goal, goal) - measure_potential(likelihood, image, goal)
