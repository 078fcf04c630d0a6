"""A proposer whose network reads and proposes coordinates in a basis; canvases stay images."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from gcgen_env.model.basis import Basis
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.proposer import LazyProposer, Proposals


class BasisProposer(LazyProposer):
    """Proposes images for a network that reads and proposes the coordinates of a `Basis`."""

    def __init__(self, network: ProposalNetwork, basis: Basis) -> None:
        """Combine a basis of P vectors, and a network of P + 1 coordinates that changes P."""
        self.network = network
        self.basis = basis
        self.shape = basis.shape

    @property
    def num_proposals(self) -> int:
        """A."""
        return self.network.num_proposals

    @property
    def num_classes(self) -> int:
        """Classes that the network can be given; 0 if it is unconditional."""
        return self.network.num_classes

    def lazy(
        self,
        canvas: Tensor,
        step: Tensor,
        same_state: bool = False,
        need_all: bool = True,
        label: Tensor | None = None,
    ) -> Proposals:
        """Encode the coordinates now, and compute the changes on demand; see `LazyProposer`."""
        inner = self.network.lazy(self.basis.project(canvas), step, same_state, need_all, label)

        def expand_all(dtype: torch.dtype, part: Tensor | None = None) -> Tensor:
            changes = self.basis.expand(inner.all(dtype)).flatten(2)  # (B, A, D)
            return changes if part is None else changes.index_select(-1, part)

        return Proposals(
            self.compress(canvas),  # (B, D)
            inner.log_prior,
            lambda action: self.basis.expand(inner.chosen(action)),  # (B,) to (B, *S)
            expand_all,
            is_fixed=inner.is_fixed,
        )

    def to(self, device: torch.device | str) -> BasisProposer:
        """Return the same proposer on another device; its weights move."""
        return BasisProposer(self.network.to(device), self.basis.to(device))

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Propose A changes for each canvas; see `Proposer`."""
        change, log_prior = self.network.propose(self.basis.project(canvas), step)
        return self.basis.expand(change), log_prior  # (B, A, *S), (B, A)

    def cast_once(
        self, dtype: torch.dtype, part: Tensor | None = None
    ) -> AbstractContextManager[None]:
        """Cast the network's weights once inside the context; see `LazyProposer`."""
        return self.network.cast_once(dtype, None)
