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
    progress: Tensor
    """h / H, shape (B, 1)."""


KNOTS = 11
"""Points in [0, 1] between which the learned factor of the temperature is linear."""
SPEED = 10.0
"""How much faster its logarithm moves than other weights."""


class ProposalScorer(nn.Module):
    """Scores changes of the image: s_a = <k(x, h, g), m(x'_a) - m(x)> / sqrt(D).

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
        self.width = width
        inputs = values * (2 if sees_goal else 1) + 1
        self.body = nn.Sequential(
            nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.direction = nn.Linear(width, values)
        self.scale = 1.0 / math.sqrt(values)
        self.knots = nn.Parameter(torch.zeros(KNOTS))

    def reset_direction(self) -> None:
        """Set the direction to zero."""
        nn.init.zeros_(self.direction.weight)
        nn.init.zeros_(self.direction.bias)

    def temperature_factor(self, progress: Tensor) -> Tensor:
        """Return what beta_h is multiplied by: exp of a piecewise linear function of h / H.

        Args:
            progress: h / H, any shape.

        Returns:
            Positive factors, the same shape; 1 for a fresh scorer.
        """
        position = progress * (KNOTS - 1)
        left = position.floor().clamp(0, KNOTS - 2)
        index, share = left.long(), position - left
        return ((1 - share) * self.knots[index] + share * self.knots[index + 1]).mul(SPEED).exp()

    def embed(self, situation: Situation) -> Tensor:
        """Return the features (B, width) of a situation."""
        parts = [situation.image, situation.progress]
        if self.sees_goal:
            if situation.goal is None:
                raise ValueError("this scorer needs a goal")
            parts.append(situation.goal - situation.image)
        return self.body(torch.cat(parts, dim=-1))

    def point(self, features: Tensor) -> Tensor:
        """Return the direction k / sqrt(D), shape (B, D), of features (B, width)."""
        return self.direction(features) * self.scale


def score_proposals(direction: Tensor, proposals: Tensor, image: Tensor) -> Tensor:
    """Compute <k, m(x'_a) - m(x)> for all proposals, without forming the differences.

    Args:
        direction: k, shape (B, P).
        proposals: m(x'_a), the images of the next states, shape (B, A, P).
        image: m(x), the image of the state, shape (B, P).

    Returns:
        Scores, shape (B, A).
    """
    reached = torch.bmm(direction.unsqueeze(1), proposals.transpose(1, 2)).squeeze(1)
    return reached - (direction * image).sum(-1, keepdim=True)
