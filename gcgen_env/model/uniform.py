"""Proposers without learning, whose proposals are equally probable in every state."""

from __future__ import annotations

import math
from abc import abstractmethod

from torch import Tensor

from gcgen_env.model.proposer import LazyProposer, Proposals, round_changes


class UniformProposer(LazyProposer):
    """Base class of proposers with a uniform prior; a subclass computes the changes."""

    num_proposals: int
    """A."""

    @abstractmethod
    def propose_changes(self, canvas: Tensor, step: Tensor) -> Tensor:
        """Return all changes, shape (B, A, *S)."""

    @abstractmethod
    def propose_rows(self, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
        """Return the chosen changes, shape (B, *S)."""

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Propose all changes, equally probable; see `Proposer`."""
        return self.propose_changes(canvas, step), self.prior(canvas, step)

    def prior(self, canvas: Tensor, step: Tensor) -> Tensor:
        """Return the uniform log-prior, shape (B, A)."""
        return canvas.new_full((len(canvas), self.num_proposals), -math.log(self.num_proposals))

    def lazy(
        self, canvas: Tensor, step: Tensor, same_state: bool = False, need_all: bool = True
    ) -> Proposals:
        """Return the uniform prior, and the changes on demand; see `LazyProposer`."""
        return Proposals(
            self.compress(canvas),
            self.prior(canvas, step),
            lambda action: self.propose_rows(canvas, step, action),
            lambda dtype, part=None: round_changes(self.propose_changes(canvas, step), dtype, part),
        )
