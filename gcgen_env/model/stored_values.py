"""Probabilities of stored images, which bits per dimension need: of bits, and of bytes.

A density can be as large as one likes; a probability cannot. The discretised Gaussian gives each
byte the mass of its cell, of width 1 / 255 around it; the cells of 0 and 255 reach to infinity:

    P(k | x) = F((k + 1/2) / 255) - F((k - 1/2) / 255)      with F the distribution function of
                                                             N(m(x), sigma^2)

These sum to 1 over the 256 bytes. For sigma well above 1 / 255 they are the density times 1 / 255,
except at the ends. So an S-agent is trained with the density, whose gains are cheap to compute.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gcgen_env.model.likelihoods import Likelihood

LEVELS = 255
"""The largest byte."""
TOLERANCE = 1e-3
"""Largest distance of a float32 image from its byte, in bytes."""


def has_probabilities(likelihood: Likelihood, images: Tensor) -> bool:
    """Return whether images (N, *S) have a probability, and not only a density.

    They have one if they are bytes divided by 255 and the likelihood is Gaussian, or if they are
    binary and it is Bernoulli.
    """
    if likelihood.event_ndim != 3 or (likelihood.low, likelihood.high) != (0.0, 1.0):
        return False
    level = images * (LEVELS if likelihood.name == "gaussian" else 1)
    return bool((level - level.round()).abs().max() <= TOLERANCE)


def log_probability(likelihood: Likelihood, canvas: Tensor, goal: Tensor) -> Tensor:
    """Compute the log-probability of stored images, for bytes under the discretised Gaussian.

    Args:
        likelihood: p(g | x).
        canvas: x, shape (B, *S).
        goal: Images that have probabilities, shape (B, *S).

    Returns:
        log P(g | x), shape (B,), in nats; at most 0.
    """
    if likelihood.name != "gaussian":
        return likelihood.log_prob(canvas, goal)
    mean, sigma = likelihood.mean(canvas).double(), likelihood.sigma  # type: ignore[attr-defined]
    level = (goal.double() * LEVELS).round()  # k, (B, *S)
    upper = ((level + 0.5) / LEVELS - mean) / sigma  # in standard deviations
    lower = ((level - 0.5) / LEVELS - mean) / sigma
    upper = upper.masked_fill(level == LEVELS, math.inf)
    lower = lower.masked_fill(level == 0, -math.inf)
    return _log_mass(lower, upper).flatten(1).sum(1)


def _log_mass(lower: Tensor, upper: Tensor) -> Tensor:
    """Return log(F(upper) - F(lower)) of the standard normal distribution, also far from 0."""
    is_right = lower > 0  # the left tail is precise: 1 - F(z) = F(-z)
    low, high = torch.where(is_right, -upper, lower), torch.where(is_right, -lower, upper)
    most, least = torch.special.log_ndtr(high), torch.special.log_ndtr(low)
    return most + torch.log(-torch.expm1(least - most))
