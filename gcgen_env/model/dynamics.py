"""The transition x[h+1] = x[h] + alpha[h] * y[h][a], deterministic, in canvas space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Dynamics:
    """Where a trajectory starts and how a chosen proposal moves it."""

    initial: Tensor
    """x_0 in canvas space, shape (*S), float32."""
    rate: Tensor
    """alpha, one scale for each of the H steps, shape (H,), float32."""

    @property
    def horizon(self) -> int:
        """Number of decisions H."""
        return len(self.rate)

    def start(self, num: int) -> Tensor:
        """Return `num` copies of x_0, shape (num, *S)."""
        start = self.initial.expand(num, *self.initial.shape)
        return start.clone(memory_format=torch.contiguous_format)

    def advance(
        self, canvas: Tensor, delta: Tensor, step: Tensor, out: Tensor | None = None
    ) -> Tensor:
        """Compute x + alpha[h] * y.

        Args:
            canvas: x, shape (B, *S), or (B, 1, *S) to broadcast over proposals.
            delta: y, shape (B, *S) or (B, A, *S).
            step: h, shape (B,), int64, each in [0, H).
            out: Where to write the result, `delta` itself at will; without gradient only.

        Returns:
            The next canvases, in the shape of `delta`.
        """
        alpha = self.rate.index_select(0, step).view(-1, *(1,) * (delta.ndim - 1))
        return torch.addcmul(canvas, alpha, delta, out=out)

    def to(self, device: torch.device | str) -> Dynamics:
        """Return the same dynamics on another device."""
        return Dynamics(self.initial.to(device), self.rate.to(device))
