"""How an action is taken from log q: drawn, or the most probable one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def make_sampler(generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Return a function that draws actions (B,) from log q (B, A).

    The generator lives on the CPU, whatever the device. The function raises a ValueError when
    log q is not a distribution any more, as after a diverged update.
    """

    def choose(log_q: Tensor) -> Tensor:
        q = log_q.exp().cpu()
        if not q.isfinite().all():
            raise ValueError(
                "log q is not finite: training has diverged; lower learning_rate and go on from "
                "the last checkpoint"
            )
        return torch.multinomial(q, 1, generator=generator).squeeze(1).to(log_q.device)

    return choose


def choose_best(log_q: Tensor) -> Tensor:
    """Return the most probable actions, shape (B,)."""
    return log_q.argmax(-1)
