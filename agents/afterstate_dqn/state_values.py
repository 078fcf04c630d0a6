"""V(m(x), h, g) of many images at once: the network of after-state values."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

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
        for weight in (self.output.weight, self.output.bias, self.share.weight):
            nn.init.zeros_(weight)
        self.unit = math.sqrt(values)  # nats in one unit of c

    def forward(self, images: Tensor, gap: Tensor, goal: Tensor, progress: Tensor) -> Tensor:
        """Return V, shape (B, N), in nats.

        Args:
            images: N images of each of B goals, shape (B, N, D).
            gap: Phi(g, g) - Phi of the images, shape (B, N), in nats.
            goal: g, shape (B, D).
            progress: h / H of the images, shape (B, 1).
        """
        of_image, of_difference = self.from_image.weight, self.from_difference.weight
        steps = make_step_basis(progress)  # (B, KNOTS)
        once = self.from_difference(goal) + self.from_step(steps)  # (B, width)
        # W x + U (g - x) = (W - U) x + U g
        hidden = F.linear(images, of_image - of_difference).add_(once.unsqueeze(1)).relu_()
        correction = self.output(self.hidden(hidden).relu_()).squeeze(-1)  # of (B, N, width)
        return SPEED * self.share(steps) * gap + self.unit * correction
