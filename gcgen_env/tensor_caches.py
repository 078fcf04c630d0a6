"""Caches of proposals whose tables are tensors on the device: no value is read by the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gcgen_env.model.chain import Chain
from gcgen_env.model.proposer import Proposals
from gcgen_env.on_demand_cache import OnDemandCache, States
from gcgen_env.proposal_cache import Block, EagerCache, Prepared, ProposalCache
from gcgen_env.subsets import ALL


class TensorTables(ProposalCache):
    """Tables as tensors.

    A subset is ALL or a tensor of indices. Equal subsets must be the same object, as to compare
    two tensors is to read them.
    """

    def __init__(self, chain: Chain, num_envs: int, num_proposals: int) -> None:
        """Allocate a uniform prior for each episode."""
        super().__init__(chain, num_envs, num_proposals)
        for name in ("index", "log_prior", "mask"):
            setattr(self, name, torch.from_numpy(getattr(self, name)).to(chain.device))

    def _to_device(self, table: Tensor) -> Tensor:
        """Return the table: it is a tensor on the device."""
        return table

    def _to_table(self, tensor: Tensor) -> Tensor:
        """Return the tensor."""
        return tensor

    def _to_steps(self, step: Any) -> Tensor:
        """Return a copy of h."""
        return step.clone()  # episodes change h in place

    def _check(self, where: slice, h: Tensor, proposals: Proposals, used: Any) -> Block:
        """Return the prior of some states; its values are not checked, as that would wait."""
        log_prior = proposals.log_prior  # (k, A)
        self._check_size(log_prior)
        if used is not None:
            log_prior = log_prior.masked_fill(used[where], -torch.inf).log_softmax(-1)
        return Block(where, h, proposals, log_prior, log_prior > -torch.inf)


class TensorEagerCache(TensorTables, EagerCache):
    """The cache of `obs_mode="pixels"`."""


class TensorOnDemandCache(TensorTables, OnDemandCache):
    """The cache of `obs_mode="compact"`."""

    _held: Tensor | None = None
    """The subset of the last states; None for ALL, which a copy would not recognise."""

    def store(self, subset: Any, prepared: Prepared) -> None:
        """Hold the priors and the features; see `OnDemandCache`."""
        super().store(subset, prepared)
        self._held = None if subset is ALL else subset

    def _holds(self, last: States, subset: Any) -> bool:
        """Return whether the last states are those of a subset, without reading indices."""
        return self._held is (None if subset is ALL else subset)


def make_tensor_cache(
    chain: Chain, obs_mode: str, num_envs: int, num_proposals: int
) -> ProposalCache:
    """Make the cache of an observation mode, "pixels" or "compact"."""
    kind = TensorEagerCache if obs_mode == "pixels" else TensorOnDemandCache
    return kind(chain, num_envs, num_proposals)
