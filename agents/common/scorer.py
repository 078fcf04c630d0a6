"""The learned parts of a GC-agent, with weights shared by all proposals."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from agents.common.selection_config import WIDTH
from gcgen_env.config import check_count

KNOTS = 11
"""Points in [0, 1] between which the learned factor of the temperature is linear."""
SPEED = 10.0
"""How much faster the factor's logarithm is learned than other weights."""


class ProposalScorer(nn.Module):
    """Scores changes of the image: s_a = <k(x, h, g), m(x'_a) - m(x)> / sqrt(D).

    A network maps state and goal to a direction k in image space, and the score of a proposal is
    how far it moves the image along k (a pointer network: Vinyals et al., 2015). No weight
    belongs to an index: permuting proposals permutes scores, and any A works. The direction
    starts at zero, so that a fresh scorer changes nothing.
    """

    def __init__(self, values: int, sees_goal: bool = True, width: int = WIDTH) -> None:
        """Make the layers.

        Args:
            values: D, the number of values of one image.
            sees_goal: Whether `embed` reads a goal.
            width: Hidden units.

        Raises:
            ValueError: If `width` is not a positive integer.
        """
        super().__init__()
        check_count("width", width, 1, "a layer needs a unit")
        self.sees_goal = sees_goal
        self.width = width
        inputs = values * (2 if sees_goal else 1) + 1  # image, goal - image, progress
        self.body = nn.Sequential(
            nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.direction = nn.Linear(width, values)  # k
        self.scale = 1.0 / math.sqrt(values)  # 1 / sqrt(D)
        self.knots = nn.Parameter(torch.zeros(KNOTS))  # log of the factor / SPEED

    def reset_direction(self) -> None:
        """Set the direction to zero."""
        nn.init.zeros_(self.direction.weight)
        nn.init.zeros_(self.direction.bias)

    def temperature_factor(self, progress: Tensor) -> Tensor:
        """Return the factor of beta_h: exp of a piecewise linear function of h / H.

        Args:
            progress: h / H, any shape.

        Returns:
            Positive factors, the same shape; 1 for a fresh scorer.
        """
        position = progress * (KNOTS - 1)  # in [0, KNOTS - 1]
        left = position.floor().clamp(0, KNOTS - 2)  # h = H belongs to the last interval
        index, share = left.long(), position - left  # share in [0, 1]
        return ((1 - share) * self.knots[index] + share * self.knots[index + 1]).mul(SPEED).exp()

    def embed(self, image: Tensor, goal: Tensor | None, progress: Tensor) -> Tensor:
        """Compute the features of states and goals.

        Args:
            image: m(x), shape (B, D).
            goal: g, shape (B, D); ignored by a scorer that does not see it.
            progress: h / H, shape (B, 1).

        Returns:
            Features, shape (B, width).
        """
        parts = [image, progress]  # (B, D), (B, 1)
        if self.sees_goal:
            if goal is None:
                raise ValueError("this scorer needs a goal")
            parts.append(goal - image)  # (B, D), zero when the goal is reached
        return self.body(torch.cat(parts, dim=-1))  # of (B, 2 D + 1), or (B, D + 1) without goal

    def point(self, features: Tensor) -> Tensor:
        """Return the direction k / sqrt(D), shape (B, D), of features (B, width)."""
        return self.direction(features) * self.scale


def score_proposals(direction: Tensor, proposals: Tensor, image: Tensor) -> Tensor:
    """Compute <k, m(x'_a) - m(x)> for all proposals, without computing the differences.

    Args:
        direction: k, shape (B, P).
        proposals: m(x'_a), the images of the next states, shape (B, A, P).
        image: m(x), the image of the state, shape (B, P).

    Returns:
        Scores, shape (B, A).
    """
    reached = torch.bmm(direction.unsqueeze(1), proposals.transpose(1, 2)).squeeze(1)  # (B, A)
    return reached - (direction * image).sum(-1, keepdim=True)  # (B, A) - (B, 1)
