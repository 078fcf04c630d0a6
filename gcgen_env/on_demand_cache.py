"""The cache of compact environments: the prior now, and later the chosen proposal alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from gcgen_env.model.chain import Chain
from gcgen_env.model.proposer import Proposals
from gcgen_env.proposal_cache import (
    Bools,
    EagerCache,
    Images,
    Ints,
    Prepared,
    ProposalCache,
)
from gcgen_env.subsets import ALL, Subset


class States(NamedTuple):
    """What an `OnDemandCache` computed last."""

    episodes: Ints
    """Which K episodes they belong to."""
    canvas: Tensor
    """Their canvases, shape (K, *S)."""
    h: Tensor
    """Their steps, shape (K,)."""
    same_state: bool
    proposals: Proposals | None
    """None in a copy: its functions can neither be copied nor pickled."""


class OnDemandCache(ProposalCache):
    """Keeps the features of the last states, and computes only the chosen proposals."""

    _last: States | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the last proposals, which a copy computes again from the same states."""
        last = self._last and self._last._replace(proposals=None)
        return {**self.__dict__, "_last": last}

    def prepare(
        self, canvas: Tensor, step: Ints, same_state: bool = False, used: Bools | None = None
    ) -> Prepared:
        """Compute the priors; see `ProposalCache`."""
        h = self._to_steps(step)
        proposals = self.chain.propose(canvas, h, same_state, need_all=False)
        return Prepared(canvas, same_state, [self._check(ALL, h, proposals, used)])

    def store(self, subset: Subset, prepared: Prepared) -> None:
        """Hold the priors and the features."""
        (block,) = prepared.blocks
        self.log_prior[subset], self.mask[subset] = block.log_prior, block.mask
        canvas, same_state = prepared.canvas, prepared.same_state
        self._last = States(self.index[subset], canvas, block.h, same_state, block.proposals)

    def follow(
        self, subset: Subset, action: Ints, canvas: Tensor, image: Images, step: Ints
    ) -> tuple[Tensor, Images]:
        """Compute the chosen proposals, and from them the next states."""
        if self._last is not None and self._holds(self._last, subset):
            h, proposals = self._last.h, self._recall(self._last)
        else:  # other episodes were updated last
            h = self._to_steps(step)
            proposals = self.chain.propose(canvas, h, need_all=False)
        delta = proposals.chosen(self._to_device(action))  # (K, *S)
        reached = self.chain.dynamics.advance(canvas, delta, h)  # (K, *S)
        return reached, self._to_table(self.chain.likelihood.mean(reached))

    def _holds(self, last: States, subset: Subset) -> bool:
        """Return whether the last states are those of some episodes, in this order."""
        return np.array_equal(last.episodes, self.index[subset])

    def _recall(self, last: States) -> Proposals:
        """Return the last proposals; a copy makes them as they were made, for the same bits."""
        if last.proposals is not None:
            return last.proposals
        proposals = self.chain.propose(last.canvas, last.h, last.same_state, need_all=False)
        self._last = last._replace(proposals=proposals)
        return proposals

    def close(self, subset: Ints, image: Images) -> None:
        """Fill ended episodes with a uniform prior."""
        super().close(subset, image)
        self._last = None  # they belong to the states before the end


def make_cache(chain: Chain, obs_mode: str, num_envs: int, num_proposals: int) -> ProposalCache:
    """Make the cache of an observation mode, "pixels" or "compact"."""
    kind = EagerCache if obs_mode == "pixels" else OnDemandCache
    return kind(chain, num_envs, num_proposals)
