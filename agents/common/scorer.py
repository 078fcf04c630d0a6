"""The learned parts of a GC-agent, with weights shared by all proposals."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Situation(NamedTuple):
    """What a scorer reads: flat images, D values each."""

    image: Tensor
    """Image of the state, shape (B, D)."""
    goal: Tensor | None
    """Goal, shape (B, D); None for a policy that is blind to it."""
    step: Tensor
    """h / H, shape (B, 1)."""


class ProposalScorer(nn.Module):
    """Scores changes of the image: s_a = <k(x, g, h), m(x'_a) - m(x)> / sqrt(D), and a value.

    A network reads state and goal, and answers with a direction k in image space; a proposal
    scores by how far it moves the image along k (a pointer: Vinyals et al., 2015). No weight
    belongs to an index: permuting proposals permutes scores, and any A will do. The direction
    starts at zero, so that a fresh scorer changes nothing.
    """

    def __init__(self, values: int, sees_goal: bool = True, width: int = 128) -> None:
        """Make the layers.

        Args:
            values: D, the number of values of one image.
            sees_goal: Whether situations have a goal.
            width: Hidden units.
        """
        super().__init__()
        self.sees_goal = sees_goal
        inputs = values * (2 if sees_goal else 1) + 1
        self.body = nn.Sequential(
            nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.direction = nn.Linear(width, values)
        self.value = nn.Linear(width, 1)
        self.scale = 1.0 / math.sqrt(values)

    def reset_output(self) -> None:
        """Set direction and value to zero."""
        for layer in (self.direction, self.value):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def embed(self, situation: Situation) -> Tensor:
        """Return the features (B, width) of a situation."""
        parts = [situation.image, situation.step]
        if self.sees_goal:
            if situation.goal is None:
                raise ValueError("this scorer needs a goal")
            parts.append(situation.goal - situation.image)
        return self.body(torch.cat(parts, dim=-1))

    def score(self, features: Tensor, change: Tensor) -> Tensor:
        """Score proposals.

        Args:
            features: From `embed`, shape (B, width).
            change: Image of each next state minus that of the state, shape (B, A, D).

        Returns:
            Scores, shape (B, A).
        """
        k = self.direction(features) * self.scale  # (B, D)
        return torch.bmm(change, k.unsqueeze(-1)).squeeze(-1)

    def estimate(self, features: Tensor) -> Tensor:
        """Return the value of the situations, shape (B,)."""
        return self.value(features).squeeze(-1)
