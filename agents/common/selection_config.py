"""The terms of q(a | x, h, g) as options; they are read without importing torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 128
"""Default number of hidden units of the learned score."""


@dataclass(frozen=True)
class SelectionConfig:
    """Terms of the logits.

    Attributes:
        prior: Add log p_S.
        look_ahead: beta_h at h = 0 and, linearly in h / H, at h = H; None leaves the term out.
        learned: Add the learned score, and multiply beta_h by its learned factor.
        hard: Put all probability on the largest logit, as Discrete Distribution Networks do.
    """

    prior: bool = True
    look_ahead: tuple[float, float] | None = (0.2, 1.1)
    learned: bool = True
    hard: bool = False

    def __post_init__(self) -> None:
        """Normalise the temperatures, which JSON gives as a list, and check them."""
        if self.look_ahead is None:
            return
        try:
            ramp = tuple(float(beta) for beta in self.look_ahead)
        except (TypeError, ValueError):
            ramp = ()  # rejected below, with the value in the message
        if len(ramp) != 2 or not all(0 <= beta < math.inf for beta in ramp):
            raise ValueError(
                f"look_ahead must be two temperatures, not negative, or None; got {self.look_ahead}"
            )
        object.__setattr__(self, "look_ahead", ramp)  # the dataclass is frozen

    def temperature(self, progress: Tensor) -> Tensor:
        """Return beta_h of h / H, any shape, without its learned factor; 1 without look-ahead."""
        first, last = (1.0, 1.0) if self.look_ahead is None else self.look_ahead
        return first + (last - first) * progress
