"""Variations: how well images explain a given one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.guidance.scorers.pixel_likelihood import check_alike, check_image, log_prob_values
from gcgen_env.model.likelihoods import Likelihood


class Nearest:
    """log p(g | x) over all pixels of an image g, in nats; the scale says how near."""

    def __init__(self, image: Any, likelihood: Likelihood) -> None:
        """Take an image g, shape (C, height, width), and the likelihood of the model."""
        self.likelihood = likelihood
        self.image = check_image("the image", image, likelihood)

    def __repr__(self) -> str:
        """Show the size, not the values."""
        return f"Nearest(shape={self.image.shape})"

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score images (B, *S), shape (B,)."""
        check_alike(images, self.image, "the image")
        terms = log_prob_values(self.likelihood, images, self.image)  # (B, *S)
        return terms.sum((1, 2, 3), dtype=np.float64)
