"""A batch of states on its way along the chain, one decision after another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gcgen_env.model.chain import Chain
from gcgen_env.model.proposer import Proposals


class Walk:
    """B states of the same step h, without gradients; `take` makes a decision in each of them.

    Attributes:
        canvas: x_h, shape (B, *S).
        step: h.
        actions: The decisions so far, each of shape (B,).
    """

    def __init__(
        self, chain: Chain, canvas: Tensor, step: int = 0, used: Tensor | None = None
    ) -> None:
        """Begin with canvases (B, *S) at a step; `used` is as in `Chain.propose`."""
        self.chain, self.canvas, self.step, self.used = chain, canvas, step, used
        self.actions: list[Tensor] = []
        self._proposals: Proposals | None = None

    @classmethod
    def start(cls, chain: Chain, num: int) -> Walk:
        """Return a walk of `num` states that begin at x_0."""
        return cls(chain, chain.dynamics.start(num))

    @property
    def is_over(self) -> bool:
        """Whether all H decisions have been made."""
        return self.step == self.chain.horizon

    @property
    def log_prior(self) -> Tensor:
        """Log p_S of the proposals in the B states, shape (B, A)."""
        return self._propose().log_prior

    @torch.no_grad()
    def take(self, action: Tensor) -> None:
        """Add the chosen proposals, of indices (B,), to the canvases."""
        delta = self._propose().chosen(action)
        self.canvas = self.chain.dynamics.advance(self.canvas, delta, self._steps())
        self.used = self.chain.use(self.used, action)
        self.actions.append(action)
        self.step, self._proposals = self.step + 1, None

    def finish(self, choose: Callable[[int, Tensor], Tensor]) -> None:
        """Make all decisions that are left; `choose` maps h and log p_S (B, A) to actions (B,)."""
        while not self.is_over:
            self.take(choose(self.step, self.log_prior))

    def repeat(self, num: int) -> Walk:
        """Return a walk with `num` copies of each state, one after another."""
        used = None if self.used is None else self.used.repeat_interleave(num, 0)
        walk = Walk(self.chain, self.canvas.repeat_interleave(num, 0), self.step, used)
        walk.actions = [action.repeat_interleave(num) for action in self.actions]
        return walk

    @torch.no_grad()
    def _propose(self) -> Proposals:
        """Return what is proposed in the B states, computed once."""
        if self._proposals is None:
            self._proposals = self.chain.propose(
                self.canvas, self._steps(), need_all=False, used=self.used
            )
        return self._proposals

    def _steps(self) -> Tensor:
        """Return h for each state, shape (B,)."""
        return torch.full((len(self.canvas),), self.step, device=self.canvas.device)
