"""Proposals that invert the pixels of a rectangle: the canvas is a black and white image."""

from __future__ import annotations

import torch
from torch import Tensor

from gcgen_env.datasets.toggles import COUNT, SIDE, draw_rectangles
from gcgen_env.model.uniform import UniformProposer


class ToggleProposer(UniformProposer):
    """Proposes to invert one of sixteen rectangles, all equally probable.

        y_a = (1 - 2 x) r_a

    with r_a in {0, 1}^S, so that x + y_a is 1 - x inside rectangle a, and x outside. The order of
    the choices has no influence, and a rectangle that is chosen twice changes nothing.
    """

    def __init__(self) -> None:
        """Draw the rectangles."""
        self.shape = (1, SIDE, SIDE)
        self.num_proposals = COUNT
        self.rectangles = torch.tensor(draw_rectangles()[:, None], dtype=torch.float32)  # (A, *S)

    def propose_changes(self, canvas: Tensor, step: Tensor) -> Tensor:
        """Return all changes, shape (B, A, *S)."""
        return (1 - 2 * canvas).unsqueeze(1) * self.rectangles.to(canvas.device)

    def propose_rows(self, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
        """Return the chosen changes, shape (B, *S)."""
        return (1 - 2 * canvas) * self.rectangles.to(canvas.device)[action]
