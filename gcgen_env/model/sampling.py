"""How an action is taken from log q: drawn, or the most probable one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def make_sampler(generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Return a function that draws actions (B,) from log q (B, A).

    It draws e_a ~ Exp(1) and takes the largest q(a) / e_a, which is a with probability q(a). The
    generator lives on the CPU, whatever the device: all devices make the same draws, and the
    CPU never waits for what they compute.

    The function raises a ValueError when log q is not a distribution any more, as after a
    diverged update; on other devices than the CPU that shows only in the loss.
    """

    def choose(log_q: Tensor) -> Tensor:
        q = log_q.exp()
        if q.is_cpu and not q.isfinite().all():
            raise ValueError(
                "log q is not finite: training has diverged; lower learning_rate and go on from "
                "the last checkpoint"
            )
        noise = torch.empty(q.shape, dtype=q.dtype).exponential_(generator=generator)
        return (q / noise.to(q.device, non_blocking=True)).argmax(-1)

    return choose


def choose_best(log_q: Tensor) -> Tensor:
    """Return the most probable actions, shape (B,)."""
    return log_q.argmax(-1)
