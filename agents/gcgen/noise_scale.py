"""Fits sigma, the noise of the Gaussian likelihood, to what reconstructions leave over.

A decoder whose sigma is the best one is called calibrated (Rybkin et al., 2021). The choice of
proposals hardly depends on sigma, so it is fitted once, after a training.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor

from gcgen_env.model.likelihoods import Gaussian
from gcgen_env.model.stored_values import has_probabilities, log_probability

SMALLEST, LARGEST = 1e-3, 1.0
"""Bounds of sigma in units of the range of images."""


def fit_sigma(likelihood: Gaussian, mean: NDArray[np.float32], images: Tensor) -> Gaussian:
    """Return a Gaussian likelihood with the sigma that suits images best.

    Args:
        likelihood: Its bounds are kept.
        mean: Reconstructions m(x_H), shape (N, *S).
        images: Images g, shape (N, *S).
    """
    goal, canvas = images.cpu(), torch.from_numpy(mean)
    score = log_probability if has_probabilities(likelihood, goal) else Gaussian.log_prob

    def cost(log_sigma: float) -> float:
        candidate = replace(likelihood, sigma=math.exp(log_sigma))
        return -score(candidate, canvas, goal).mean().item()  # nats an image

    extent = likelihood.high - likelihood.low
    bounds = (math.log(SMALLEST * extent), math.log(LARGEST * extent))
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return replace(likelihood, sigma=math.exp(float(found.x)))
