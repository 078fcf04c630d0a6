"""The class that a conditional S-agent is given: nothing is left to score."""

from __future__ import annotations

import numpy as np

from agents.guidance.black_box import Images, Scores


class OwnClass:
    """Scores all images alike, because `chain.given(label)` draws images of the class."""

    def __init__(self, label: int) -> None:
        """Store the class, for `repr`."""
        self.label = label

    def __repr__(self) -> str:
        """Show the class."""
        return f"OwnClass({self.label})"

    def __call__(self, images: Images) -> Scores:
        """Score images (B, *S): zeros, shape (B,)."""
        return np.zeros(len(images))
