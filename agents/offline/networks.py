"""The networks of the offline algorithms: perceptrons that see image, goal and step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from stable_baselines3.common.torch_layers import create_mlp
from torch import Tensor, nn


class GoalNetwork(nn.Module):
    """A perceptron over [m(x), g, one-hot(h)].

    The step is one-hot because what an index proposes may change with h alone, as it does with
    the dictionary.
    """

    def __init__(
        self, num_values: int, horizon: int, outputs: int, net_arch: Sequence[int]
    ) -> None:
        """Make the layers.

        Args:
            num_values: D, the number of values of one image.
            horizon: H.
            outputs: Number of outputs.
            net_arch: Hidden units of each layer.
        """
        super().__init__()
        self.horizon = horizon
        layers = create_mlp(2 * num_values + horizon, outputs, list(net_arch))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor, goal: Tensor, step: Tensor) -> Tensor:
        """Return the outputs, shape (B, outputs).

        Args:
            image: m(x), shape (B, D).
            goal: g, shape (B, D).
            step: h, shape (B,), int64, below H.
        """
        position = nn.functional.one_hot(step, self.horizon).to(image.dtype)  # (B, H)
        return self.layers(torch.cat([image, goal, position], dim=1))
