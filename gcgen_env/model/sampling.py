"""Chooses an action from log q: a sample, or the most probable one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

MANY = 128
"""Above so many proposals, a choice is one random number, not one for each of them."""
LEAST_LOG = -87.0
"""Probabilities below its exponential count as 0."""


class TrainingDiverged(ValueError):
    """A loss or log q is not finite; the weights are those of the last gradient step."""


class Share(NamedTuple):
    """The rows of a batch that one of several processes computes."""

    num: int
    """B, the rows of the whole batch."""
    rows: slice
    """Those of this process."""
    weight: float
    """What a mean over them counts in the mean over the batch."""

    def every(self, count: int, first: int) -> Share:
        """Return what this process computes of the rows first, first + count, ... of the batch.

        Its `rows` are counted from the first row of this process. A process that has none of them
        computes its first row, which counts nothing.
        """
        rows = slice((first - self.rows.start) % count, self.rows.stop - self.rows.start, count)
        own, num = len(range(rows.start, rows.stop, count)), len(range(first, self.num, count))
        return Share(num, rows if own else slice(0, 1), own / num)


def find_probabilities(log_q: Tensor) -> Tensor:
    """Return exp(log q).

    An exponential that float32 cannot hold takes a CPU ten times longer, and most of them are.
    """
    return log_q.clamp_min(LEAST_LOG).exp().mul_(log_q >= LEAST_LOG)


def make_sampler(
    generator: torch.Generator, share: Share | None = None
) -> Callable[[Tensor], Tensor]:
    """Return a function that samples actions (B,) from log q (B, A).

    It draws e_a ~ Exp(1) and returns argmax_a q(a) / e_a, which is a with probability q(a). Of many
    proposals it returns the first whose cumulative probability exceeds a uniform number. The
    generator is on the CPU for every device: all devices make the same draws, and the CPU never
    waits for the device. With a share, the noise of the whole batch is drawn, so that several
    processes make the draws of one.

    The function raises `TrainingDiverged` if log q is not finite, as after a diverged update. On
    other devices than the CPU this is checked in the loss only.
    """

    def choose(log_q: Tensor) -> Tensor:
        q = find_probabilities(log_q)  # (B, A)
        if q.is_cpu and not q.isfinite().all():  # elsewhere the CPU would wait for the device
            raise TrainingDiverged(
                "log q is not finite: training has diverged; lower learning_rate and resume from "
                "the last checkpoint"
            )
        num = len(q) if share is None else share.num
        rows = slice(None) if share is None else share.rows
        if q.shape[1] > MANY:
            uniform = torch.rand(num, 1, dtype=q.dtype, generator=generator)[rows]  # (B, 1)
            return invert(q, uniform.to(q.device, non_blocking=True))
        noise = torch.empty(num, *q.shape[1:], dtype=q.dtype).exponential_(generator=generator)
        return (q / noise[rows].to(q.device, non_blocking=True)).argmax(-1)

    return choose


def invert(q: Tensor, uniform: Tensor) -> Tensor:
    """Return the actions (B,) of q (B, A) at uniform numbers (B, 1); none of them has q = 0."""
    num = q.shape[1]
    if q.is_cpu:
        total = q.cumsum(1)  # (B, A)
    else:  # sums in a fixed order, as `cumsum` does not there
        total = q @ torch.ones(num, num, dtype=q.dtype, device=q.device).triu()
    last = total[:, -1:].contiguous()
    below = torch.nextafter(last, torch.zeros_like(last))  # the product is rounded, perhaps up
    found = torch.searchsorted(total, torch.minimum(uniform * last, below), right=True)
    return found.squeeze(1).clamp_max(num - 1)  # NaN would lead beyond the last one


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
