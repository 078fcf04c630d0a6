"""How an action is taken from log q: drawn, or the most probable one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def make_sampler(
    generator: torch.Generator, exploration: float = 0.0
) -> Callable[[Tensor], Tensor]:
    """Return a function that draws actions (B,) from log q (B, A).

    Args:
        generator: Makes the draws, on the CPU whatever the device.
        exploration: Share of actions drawn uniformly instead.
    """

    def choose(log_q: Tensor) -> Tensor:
        draws = torch.multinomial(log_q.exp().cpu(), 1, generator=generator).squeeze(1)
        if exploration > 0.0:
            at_random, anything = torch.rand(2, len(log_q), generator=generator)
            uniform = (anything * log_q.shape[1]).long()
            draws = torch.where(at_random < exploration, uniform, draws)
        return draws.to(log_q.device)

    return choose


def choose_best(log_q: Tensor) -> Tensor:
    """Return the most probable actions, shape (B,)."""
    return log_q.argmax(-1)
