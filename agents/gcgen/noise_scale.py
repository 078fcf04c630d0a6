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
from torch import Tensor

from gcgen_env.model.likelihoods import Gaussian
from gcgen_env.model.stored_values import has_probabilities, log_probability

SMALLEST = 1e-3
"""Smallest sigma in units of the range of images."""
FACTOR = 3.0
"""Largest ratio of sigma to the root mean squared error: the cells of the bytes 0 and 255 are
endless, so that the code of black images would be the shorter, the larger sigma is."""


def fit_sigma(likelihood: Gaussian, mean: NDArray[np.float32], images: Tensor) -> float:
    """Return the sigma that suits images best.

    Args:
        likelihood: Its bounds are kept.
        mean: Reconstructions m(x_H), shape (N, *S).
        images: Images g, shape (N, *S).
    """
    from scipy.optimize import minimize_scalar  # here: it takes a second, and few trainings use it

    goal, canvas = images.cpu(), torch.from_numpy(mean)
    score = log_probability if has_probabilities(likelihood, goal) else Gaussian.log_prob

    def cost(log_sigma: float) -> float:
        candidate = replace(likelihood, sigma=math.exp(log_sigma))
        return -score(candidate, canvas, goal).mean().item()  # nats an image

    least = SMALLEST * (likelihood.high - likelihood.low)
    error = max(math.sqrt((goal - canvas).square().mean().item()), least)
    bounds = (math.log(max(error / FACTOR, least)), math.log(FACTOR * error))
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return math.exp(float(found.x))
