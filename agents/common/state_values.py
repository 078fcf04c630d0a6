"""V(m(x), h, g) of many images at once: what later decisions gain."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from agents.common.decision import Decision
from agents.common.scorer import KNOTS, SPEED
from agents.common.state_features import make_step_basis


class StateValues(nn.Module):
    """V = f_h gap(x, g) + sqrt(D) c(x, h, g), in nats; a fresh network returns 0.

    c is a perceptron of image, goal - image and h / H. Its first layer is linear, so goal and
    step pass it once for each state, not once for each of its N images.
    """

    def __init__(self, values: int, width: int) -> None:
        """Make the layers.

        Args:
            values: D, the number of values of one image.
            width: Hidden units.
        """
        super().__init__()
        self.from_image = nn.Linear(values, width, bias=False)
        self.from_difference = nn.Linear(values, width)
        self.from_step = nn.Linear(KNOTS, width, bias=False)
        self.hidden = nn.Linear(width, width)
        self.output = nn.Linear(width, 1)  # c
        self.share = nn.Linear(KNOTS, 1, bias=False)  # f_h / SPEED
        self.unit = math.sqrt(values)  # nats in one unit of c
        self.reset()

    def reset(self) -> None:
        """Let V be 0."""
        for weight in (self.output.weight, self.output.bias, self.share.weight):
            nn.init.zeros_(weight)

    def forward(self, images: Tensor, gap: Tensor, goal: Tensor, progress: Tensor) -> Tensor:
        """Return V, shape (B, N), in nats.

        Args:
            images: N images of each of B goals, shape (B, N, D).
            gap: Phi(g, g) - Phi of the images, shape (B, N), in nats.
            goal: g, shape (B, D).
            progress: h / H of the images, shape (B, 1).
        """
        return self._finish(F.linear(images, self._matrix), gap, goal, progress)

    def of_next(self, decision: Decision, gap: Tensor, progress: Tensor) -> Tensor:
        """Return V of the next images of decisions, shape (B, A), in nats.

        Args:
            decision: The proposals, whose images may be known at P of the D values only.
            gap: Phi(g, g) - Phi of the next images, shape (B, A), in nats.
            progress: (h + 1) / H, shape (B, 1).
        """
        matrix = self._matrix
        part = decision.compress(matrix)  # (width, P)
        rest = F.linear(decision.image, matrix) - F.linear(decision.values, part)  # (B, width)
        hidden = F.linear(decision.proposals, part) + rest.unsqueeze(1)  # (B, A, width)
        return self._finish(hidden, gap, decision.goal, progress)

    @property
    def _matrix(self) -> Tensor:
        """W - U, shape (width, D), because W x + U (g - x) = (W - U) x + U g."""
        return self.from_image.weight - self.from_difference.weight

    def _finish(self, hidden: Tensor, gap: Tensor, goal: Tensor, progress: Tensor) -> Tensor:
        """Return V, given (W - U) x, shape (B, N, width), which is overwritten."""
        steps = make_step_basis(progress)  # (B, KNOTS)
        once = self.from_difference(goal) + self.from_step(steps)  # (B, width)
        hidden = hidden.add_(once.unsqueeze(1)).relu_()
        correction = self.output(self.hidden(hidden).relu_()).squeeze(-1)  # of (B, N, width)
        return SPEED * self.share(steps) * gap + self.unit * correction
