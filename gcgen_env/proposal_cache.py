"""What the proposer proposes in the states of N episodes, computed once for each state.

`EagerCache` computes the images of all next states, which `obs_mode="pixels"` shows.
`OnDemandCache` computes the prior, and later the chosen proposal alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.model.chain import PART_BYTES, Chain, iterate_parts, split_batch
from gcgen_env.model.proposer import Proposals

Ints = NDArray[np.int64]
Images = NDArray[np.float32]
Subset = Ints | slice
"""Some of N episodes, by index, or all of them as `ALL`."""
ALL = slice(None)  # recognised by identity, `subset is ALL`
BLOCK_BYTES = 16 << 20
"""Size of the proposals that the network computes at once: about the last-level cache."""


class ProposalCache(ABC):
    """The proposals of N episodes. `update` and `follow` are called without gradient."""

    def __init__(self, chain: Chain, num_envs: int, num_proposals: int) -> None:
        """Allocate a uniform prior for each episode."""
        self.chain = chain
        self.num_proposals = num_proposals
        self.index = np.arange(num_envs)  # (N,)
        self.log_prior = np.full((num_envs, num_proposals), -np.log(num_proposals), np.float32)
        """log p_S, shape (N, A), -inf where invalid."""
        self.mask = np.ones((num_envs, num_proposals), dtype=bool)
        """Valid proposals, shape (N, A)."""

    @abstractmethod
    def update(self, subset: Subset, canvas: Tensor, step: Ints, same_state: bool) -> None:
        """Compute the proposals in the new states of some episodes.

        Args:
            subset: Which episodes, K of them.
            canvas: Their canvases, shape (K, *S).
            step: Their h, shape (K,).
            same_state: Whether all K states are the same one.
        """

    @abstractmethod
    def follow(
        self, subset: Subset, action: Ints, canvas: Tensor, image: Images, step: Ints
    ) -> tuple[Tensor, Images]:
        """Return the next canvases and images (K, *S) of actions (K,)."""

    def close(self, subset: Ints, image: Images) -> None:
        """Fill ended episodes with A copies of the final image and a uniform prior."""
        self.log_prior[subset] = -np.log(self.num_proposals)
        self.mask[subset] = True  # never all False

    def draw(self, subset: Subset, image: Images) -> Images:
        """Return the images of the A next states, shape (K, A, *S)."""
        raise NotImplementedError(f"{type(self).__name__} computes chosen proposals only")

    def _to_steps(self, step: Ints) -> Tensor:
        """Return h as a new tensor on the device."""
        return torch.from_numpy(step.copy()).to(self.chain.device)  # episodes change h in place

    def _set_prior(self, subset: Subset, proposals: Proposals) -> None:
        """Store the prior and the valid proposals of some episodes."""
        log_prior = proposals.log_prior.cpu().numpy()  # (K, A)
        if log_prior.shape[1] != self.num_proposals:
            raise ValueError(
                f"the proposer returned log_prior of shape {log_prior.shape}, expected "
                f"{(len(log_prior), self.num_proposals)}"
            )
        self.log_prior[subset] = log_prior
        self.mask[subset] = mask = log_prior > -np.inf  # False for NaN
        if not (mask.all() or mask.any(axis=1).all()):  # mask.all() first: usual and faster
            raise ValueError("the proposer returned a log_prior without a finite value: is it NaN?")


class OnDemandCache(ProposalCache):
    """Keeps the features of the last states, and computes only the chosen proposals."""

    _last: tuple[Ints, Tensor, Proposals] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the last proposals, which are recomputed when they are missing."""
        return {**self.__dict__, "_last": None}  # its functions cannot be pickled

    def update(self, subset: Subset, canvas: Tensor, step: Ints, same_state: bool) -> None:
        """Compute the priors."""
        h = self._to_steps(step)
        proposals = self.chain.propose(canvas, h, same_state, need_all=False)
        self._set_prior(subset, proposals)
        self._last = self.index[subset], h, proposals  # (K,), (K,), of K states

    def follow(
        self, subset: Subset, action: Ints, canvas: Tensor, image: Images, step: Ints
    ) -> tuple[Tensor, Images]:
        """Compute the chosen proposals, and from them the next states."""
        if self._last is not None and np.array_equal(self._last[0], self.index[subset]):
            _, h, proposals = self._last
        else:  # other episodes were updated last
            h = self._to_steps(step)
            proposals = self.chain.propose(canvas, h, need_all=False)
        delta = proposals.chosen(torch.from_numpy(action).to(self.chain.device))  # (K, *S)
        reached = self.chain.dynamics.advance(canvas, delta, h)  # (K, *S)
        return reached, self.chain.likelihood.mean(reached).cpu().numpy()

    def close(self, subset: Ints, image: Images) -> None:
        """Fill ended episodes with a uniform prior."""
        super().close(subset, image)
        self._last = None  # they belong to the states before the end


class EagerCache(ProposalCache):
    """Computes all A next states of a state, at the P values that proposals can change."""

    _next: Tensor | None = None
    """Canvases and images of the next states, shape (2, N, A, P)."""

    def update(self, subset: Subset, canvas: Tensor, step: Ints, same_state: bool) -> None:
        """Compute the priors and the next states."""
        h = self._to_steps(step)
        index = self.index[subset]
        if same_state and len(step) > 1:  # as after a reset of several episodes
            first = index[:1]
            self._look_ahead(first, canvas[:1], h[:1])
            self.log_prior[subset], self.mask[subset] = self.log_prior[first], self.mask[first]
            if self._next is not None:
                self._next[:, subset] = self._next[:, first]
            return
        size = canvas.nbytes * self.num_proposals  # at least that of all K A proposals
        if size <= BLOCK_BYTES:
            self._look_ahead(subset, canvas, h)
            return
        for block in split_batch(len(step), size, BLOCK_BYTES):
            some = block if subset is ALL else index[block]  # a slice is written through a view
            self._look_ahead(some, canvas[block], h[block])

    def _look_ahead(self, subset: Subset, canvas: Tensor, h: Tensor) -> None:
        """Compute all next states of some episodes."""
        proposals = self.chain.propose(canvas, h)
        self._set_prior(subset, proposals)
        if self._next is None:
            size = len(self.index), self.num_proposals, proposals.x.shape[1]  # N, A, P
            self._next = proposals.x.new_zeros(2, *size)  # made here, where P is known first
        if isinstance(subset, slice):
            self.chain.next_images(proposals, h, out=self._next[:, subset])
        else:
            self._next[:, subset] = torch.stack(self.chain.next_images(proposals, h))

    def follow(
        self, subset: Subset, action: Ints, canvas: Tensor, image: Images, step: Ints
    ) -> tuple[Tensor, Images]:
        """Look the next states up.

        They are not computed again: results of a vectorised sigmoid depend on the position in
        memory, in the last bit.
        """
        assert self._next is not None
        device = self.chain.device
        index = torch.from_numpy(self.index[subset] * self.num_proposals + action).to(device)
        state = torch.stack((canvas, torch.from_numpy(image).to(device)))  # (2, K, *S)
        self.chain.place(self._next.flatten(1, 2).index_select(1, index), state)  # (2, K, P)
        return state[0], state[1].cpu().numpy()

    def close(self, subset: Ints, image: Images) -> None:
        """Fill ended episodes with A copies of the final image and a uniform prior."""
        super().close(subset, image)
        if self._next is not None:
            values = self.chain.compress(torch.from_numpy(image).to(self.chain.device))  # (K, P)
            self._next[1, subset] = values.unsqueeze(1)  # no canvas is read after the end

    def draw(self, subset: Subset, image: Images) -> Images:
        """Write the values that proposals change into A copies of each image."""
        assert self._next is not None
        return draw_next(self.chain, self._next[1, subset], image)


def draw_next(chain: Chain, values: Tensor, image: Images) -> Images:
    """Draw the images of next states.

    Args:
        chain: Tells which values of an image proposals can change.
        values: These values in each next state, shape (B, A, P).
        image: Images of the states themselves, shape (B, *S).

    Returns:
        Images of the next states, shape (B, A, *S), float32.
    """
    now = torch.from_numpy(image).to(values.device).unsqueeze(1)  # (B, 1, *S)
    drawn = _make_empty((*values.shape[:2], *image.shape[1:]), values.device)  # (B, A, *S)
    for out, m, m_next in iterate_parts(drawn.nbytes, PART_BYTES, drawn, now, values):
        out.copy_(m)  # broadcast over A
        chain.place(m_next, out)
    return drawn.cpu().numpy()


def _make_empty(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Allocate a tensor; on the CPU with NumPy, which uses huge pages where there are any."""
    if device.type == "cpu":
        return torch.from_numpy(np.empty(shape, np.float32))
    return torch.empty(shape, device=device)


def make_cache(chain: Chain, obs_mode: str, num_envs: int, num_proposals: int) -> ProposalCache:
    """Make the cache of an observation mode, "pixels" or "compact"."""
    kind = EagerCache if obs_mode == "pixels" else OnDemandCache
    return kind(chain, num_envs, num_proposals)
