"""Several guidance functions at once: the weighted sum of their scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.guidance.black_box import Guidance, Images, Scores, check_scores


class WeightedSum:
    """sum_i w_i score_i(x)."""

    def __init__(self, parts: Sequence[tuple[float, Guidance]]) -> None:
        """Take pairs of a weight and a guidance function.

        Raises:
            TypeError: If they are not pairs.
            ValueError: If there are none, or a weight is not finite.
        """
        try:
            self.parts = tuple((weight, part) for weight, part in parts)
        except TypeError as failed:
            raise TypeError(f"expected pairs (weight, guidance), got {parts!r}") from failed
        weights = [weight for weight, _ in self.parts]
        if not weights or not np.isfinite(weights).all():
            raise ValueError(f"the weights must be one finite number or more, got {weights}")

    def __repr__(self) -> str:
        """Show weights and functions."""
        return " + ".join(f"{weight:g} {part!r}" for weight, part in self.parts)

    def __call__(self, images: Images) -> Scores:
        """Score images (B, *S), shape (B,)."""
        num = len(images)
        return np.sum([weight * check_scores(part(images), num) for weight, part in self.parts], 0)
