"""Chooses an action from log q: a sample, or the most probable one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor


class TrainingDiverged(ValueError):
    """A loss or log q is not finite; the weights are those before the update."""


class Share(NamedTuple):
    """The rows of a batch that one of several processes computes."""

    num: int
    """B, the rows of the whole batch."""
    rows: slice
    """Those of this process."""
    weight: float
    """What a mean over them counts in the mean over the batch."""


def make_sampler(
    generator: torch.Generator, share: Share | None = None
) -> Callable[[Tensor], Tensor]:
    """Return a function that samples actions (B,) from log q (B, A).

    It draws e_a ~ Exp(1) and returns argmax_a q(a) / e_a, which is a with probability q(a). The
    generator is on the CPU for every device: all devices make the same draws, and the CPU never
    waits for the device. With a share, the noise of the whole batch is drawn, so that several
    processes make the draws of one.

    The function raises `TrainingDiverged` if log q is not finite, as after a diverged update. On
    other devices than the CPU this is checked in the loss only.
    """

    def choose(log_q: Tensor) -> Tensor:
        q = log_q.exp()  # (B, A)
        if q.is_cpu and not q.isfinite().all():  # elsewhere the CPU would wait for the device
            raise TrainingDiverged(
                "log q is not finite: training has diverged; lower learning_rate and resume from "
                "the last checkpoint"
            )
        num = len(q) if share is None else share.num
        noise = torch.empty(num, *q.shape[1:], dtype=q.dtype).exponential_(generator=generator)
        if share is not None:
            noise = noise[share.rows]
        return (q / noise.to(q.device, non_blocking=True)).argmax(-1)

    return choose


def skip_draws(choose: Callable[[Tensor], Tensor], num: int, chain: Any) -> None:
    """Draw what one roll-out of `num` trajectories draws, and choose nothing.

    Args:
        choose: Of `make_sampler`, without a share.
        num: Number of trajectories.
        chain: Their `Chain`.
    """
    num_proposals = chain.num_proposals
    for _ in range(chain.horizon):
        choose(torch.zeros(num, num_proposals))


def choose_best(log_q: Tensor) -> Tensor:
    """Return the most probable actions, shape (B,)."""
    return log_q.argmax(-1)
