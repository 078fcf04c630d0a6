"""log p(g | x) of every value of images, for the guidance that compares images with a given one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gcgen_env.model.likelihoods import Likelihood


def check_image(name: str, image: Any, likelihood: Likelihood) -> NDArray[np.float32]:
    """Return a given image (C, height, width) in float32.

    Raises:
        ValueError: If it is no image, or has values outside the likelihood's bounds.
    """
    array = np.asarray(image, dtype=np.float32)
    if array.ndim != 3 or not array.size:
        raise ValueError(f"{name} must have shape (C, height, width), got {array.shape}")
    low, high = likelihood.low, likelihood.high
    if not ((array >= low) & (array <= high)).all():  # False for NaN, too
        raise ValueError(
            f"{name} must have values in [{low:g}, {high:g}], got {array.min():g} to "
            f"{array.max():g}"
        )
    return array


def check_alike(images: NDArray[np.float32], image: NDArray[Any], name: str) -> None:
    """Raise a ValueError unless the images of a model have the shape of a given one."""
    if images.shape[1:] != image.shape:
        raise ValueError(
            f"{name} must have shape {images.shape[1:]} as the model's images, got {image.shape}"
        )


def log_prob_values(
    likelihood: Likelihood, images: NDArray[np.float32], goal: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return log p(g | x) of each value, shape (B, *S), in nats.

    Args:
        likelihood: Bernoulli or Gaussian.
        images: The means m(x), shape (B, *S).
        goal: g, shape (*S).
    """
    canvas = likelihood.to_canvas(torch.from_numpy(images))
    return likelihood.log_prob_terms(canvas, torch.from_numpy(goal)).numpy()
