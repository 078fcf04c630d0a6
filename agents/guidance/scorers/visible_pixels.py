"""Inpainting: how well images explain the visible pixels of a given one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.guidance.scorers.pixel_likelihood import check_alike, check_image, log_prob_values
from gcgen_env.model.likelihoods import Likelihood


class VisiblePixels:
    """log p(g | x) over the pixels of g that are not hidden, in nats."""

    def __init__(self, image: Any, hidden: Any, likelihood: Likelihood) -> None:
        """Take an image and its mask.

        Args:
            image: g, shape (C, height, width); its hidden pixels are not read.
            hidden: True where a pixel is to be filled in, shape (height, width), bool.
            likelihood: That of the model.

        Raises:
            ValueError: If the mask has another size, or hides nothing or everything.
        """
        self.likelihood = likelihood
        mask = np.asarray(hidden)
        size = np.shape(image)[1:]
        if mask.shape != size or mask.dtype != bool:
            raise ValueError(
                f"the mask must be a bool array of shape {size} as the image, got {mask.dtype} of "
                f"shape {mask.shape}"
            )
        if mask.all() or not mask.any():
            raise ValueError(
                f"the mask must hide some of the pixels, and it hides {mask.sum()} of {mask.size}"
            )
        # Hidden pixels are overwritten, so that nothing can depend on them.
        self.image = check_image("the image", np.where(mask, likelihood.low, image), likelihood)
        self.is_visible = ~mask

    def __repr__(self) -> str:
        """Show how much is hidden."""
        hidden = 1 - self.is_visible.mean()
        return f"VisiblePixels({hidden:.0%} hidden)"

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score images (B, *S), shape (B,)."""
        check_alike(images, self.image, "the image")
        terms = log_prob_values(self.likelihood, images, self.image)  # (B, *S)
        return terms[..., self.is_visible].sum((1, 2), dtype=np.float64)
