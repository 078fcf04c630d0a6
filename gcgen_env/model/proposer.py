"""What the environment asks of anything that offers proposals."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Proposer(Protocol):
    """An object that offers A changes of a canvas, blind to any goal.

    Only `propose` is required. A proposer may also have `prior(canvas, step)`, which returns
    the second result alone, and `propose_rows(canvas, step, action)`, which returns the chosen
    changes alone, shape (B, *S); where they are missing the full result is used.
    """

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Offer A changes for each canvas.

        Args:
            canvas: x in canvas space, shape (B, *S), float32.
            step: h, shape (B,), int64, each in [0, H).

        Returns:
            y, shape (B, A, *S), in canvas space, before the rate; and the normalised
            log p_S(a | x, h), shape (B, A), in nats.
        """
        ...
