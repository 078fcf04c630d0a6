"""What the proposer proposes in the states of N episodes, computed once for each state.

`EagerCache` computes the images of all next states, which `obs_mode="pixels"` shows. The other
mode has a cache of its own, `OnDemandCache`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.model.chain import PART_BYTES, Chain
from gcgen_env.model.parts import iterate_parts, split_batch
from gcgen_env.model.proposer import Proposals
from gcgen_env.subsets import ALL, Subset

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Images = NDArray[np.float32]
BLOCK_BYTES = 16 << 20
"""Size of the proposals that the network computes at once: about the last-level cache."""


class Block(NamedTuple):
    """Checked proposals of some of K states."""

    where: slice  # which of the K states
    h: Tensor  # their steps, on the device
    proposals: Proposals
    log_prior: Any
    """log p_S, shape (k, A), -inf where invalid; a table of the cache's own kind."""
    mask: Any
    """Valid proposals, shape (k, A); likewise."""


class Prepared(NamedTuple):
    """The proposals of K new states, computed and checked, which no cache holds yet."""

    canvas: Tensor
    """The K canvases, shape (K, *S)."""
    same_state: bool
    """Whether all K states are the same one."""
    blocks: list[Block]


class ProposalCache(ABC):
    """The proposals of N episodes; its methods are called without gradient.

    Its tables are arrays; those of `gcgen_env.tensor_caches` are tensors on the device.
    """

    index: Any
    """0 to N - 1, shape (N,)."""
    log_prior: Any
    """log p_S, shape (N, A), -inf where invalid."""
    mask: Any
    """Valid proposals, shape (N, A)."""

    def __init__(self, chain: Chain, num_envs: int, num_proposals: int) -> None:
        """Allocate a uniform prior for each episode."""
        self.chain = chain
        self.num_proposals = num_proposals
        self.index = np.arange(num_envs)
        self.log_prior = np.full((num_envs, num_proposals), -np.log(num_proposals), np.float32)
        self.mask = np.ones((num_envs, num_proposals), dtype=bool)

    @abstractmethod
    def prepare(
        self, canvas: Tensor, step: Ints, same_state: bool = False, used: Bools | None = None
    ) -> Prepared:
        """Call the proposer in K new states, and check what it returns; the cache stays as it is.

        Args:
            canvas: Their canvases, shape (K, *S).
            step: Their h, shape (K,).
            same_state: Whether all K states are the same one.
            used: Proposals that cannot be chosen again, shape (K, A); None if all can.

        Raises:
            ValueError: If the proposer's results are invalid.
        """

    @abstractmethod
    def store(self, subset: Subset, prepared: Prepared) -> None:
        """Hold the proposals of the new states of K episodes."""

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

    def _to_device(self, table: Any) -> Tensor:
        """Return a table as a tensor on the device."""
        return torch.from_numpy(table).to(self.chain.device)

    def _to_table(self, tensor: Tensor) -> Any:
        """Return a tensor as a table."""
        return tensor.cpu().numpy()

    def _to_steps(self, step: Ints) -> Tensor:
        """Return h as a new tensor on the device."""
        return self._to_device(step.copy())  # episodes change h in place

    def _check(self, where: slice, h: Tensor, proposals: Proposals, used: Bools | None) -> Block:
        """Read the prior of some states, and raise a ValueError if it cannot be used."""
        log_prior = self._to_table(proposals.log_prior)  # (k, A)
        self._check_size(log_prior)
        if used is not None:
            log_prior = _exclude(log_prior, used[where])
        mask = log_prior > -np.inf  # False for NaN
        if not (mask.all() or mask.any(axis=1).all()):  # mask.all() first: usual and faster
            which = "" if used is None else " for an unused proposal"
            raise ValueError(
                f"the proposer returned a log_prior without a finite value{which}: is it NaN?"
            )
        return Block(where, h, proposals, log_prior, mask)

    def _check_size(self, log_prior: Any) -> None:
        """Raise a ValueError unless a prior is over A proposals."""
        shape, wanted = tuple(log_prior.shape), (len(log_prior), self.num_proposals)
        if shape != wanted:
            raise ValueError(f"the proposer returned log_prior of shape {shape}, expected {wanted}")


class EagerCache(ProposalCache):
    """Computes all A next states of a state, at the P values that proposals can change."""

    _next: Tensor | None = None
    """Canvases and images of the next states, shape (2, N, A, P)."""

    def prepare(
        self, canvas: Tensor, step: Ints, same_state: bool = False, used: Bools | None = None
    ) -> Prepared:
        """Compute the priors, of equal states once; see `ProposalCache`."""
        h, same_state = self._to_steps(step), same_state and len(step) > 1
        size = canvas.nbytes * self.num_proposals  # at least that of all K A proposals
        if same_state:  # as after a reset of several episodes
            parts = [slice(0, 1)]
        else:  # usually one
            parts = [ALL] if size <= BLOCK_BYTES else split_batch(len(step), size, BLOCK_BYTES)
        blocks = [
            self._check(part, h[part], self.chain.propose(canvas[part], h[part]), used)
            for part in parts
        ]
        return Prepared(canvas, same_state, blocks)

    def store(self, subset: Subset, prepared: Prepared) -> None:
        """Compute and hold the next states, block by block."""
        index, is_view = self.index[subset], subset is ALL and not prepared.same_state
        for block in prepared.blocks:  # a slice is written through a view
            self._look_ahead(block.where if is_view else index[block.where], block)
        if prepared.same_state:
            first = index[:1]
            self.log_prior[subset], self.mask[subset] = self.log_prior[first], self.mask[first]
            if self._next is not None:
                self._next[:, subset] = self._next[:, first]

    def _look_ahead(self, subset: Subset, block: Block) -> None:
        """Compute all next states of some episodes."""
        self.log_prior[subset], self.mask[subset] = block.log_prior, block.mask
        proposals = block.proposals
        if self._next is None:
            size = len(self.index), self.num_proposals, proposals.x.shape[1]  # N, A, P
            self._next = proposals.x.new_zeros(2, *size)  # made here, where P is known first
        if isinstance(subset, slice):
            self.chain.next_images(proposals, block.h, out=self._next[:, subset])
        else:
            self._next[:, subset] = torch.stack(self.chain.next_images(proposals, block.h))

    def follow(
        self, subset: Subset, action: Ints, canvas: Tensor, image: Images, step: Ints
    ) -> tuple[Tensor, Images]:
        """Look the next states up.

        They are not computed again: results of a vectorised sigmoid depend on the position in
        memory, in the last bit.
        """
        assert self._next is not None
        index = self._to_device(self.index[subset] * self.num_proposals + action)  # (K,)
        state = torch.stack((canvas, self._to_device(image)))  # (2, K, *S)
        self.chain.place(self._next.flatten(1, 2).index_select(1, index), state)  # (2, K, P)
        return state[0], self._to_table(state[1])

    def close(self, subset: Ints, image: Images) -> None:
        """Fill ended episodes with A copies of the final image and a uniform prior."""
        super().close(subset, image)
        if self._next is not None:
            values = self.chain.compress(self._to_device(image))  # (K, P)
            self._next[1, subset] = values.unsqueeze(1)  # no canvas is read after the end

    def draw(self, subset: Subset, image: Images) -> Images:
        """Write the values that proposals change into A copies of each image."""
        assert self._next is not None
        now = self._to_device(image)
        return self._to_table(draw_next_tensor(self.chain, self._next[1, subset], now))


def _exclude(log_prior: NDArray[np.float32], used: Bools) -> NDArray[np.float32]:
    """Return log p_S over the unused proposals, shape (k, A), -inf elsewhere."""
    left = np.where(used, np.float32(-np.inf), log_prior)
    with np.errstate(invalid="ignore"):  # NaN where nothing is left, which `_check` refuses
        return left - np.logaddexp.reduce(left, axis=1, keepdims=True)


def draw_next(chain: Chain, values: Tensor, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Draw the images of next states.

    Args:
        chain: Tells which values of an image proposals can change.
        values: These values in each next state, shape (B, A, P).
        image: Images of the states themselves, shape (B, *S).

    Returns:
        Images of the next states, shape (B, A, *S), float32.
    """
    now = torch.from_numpy(image).to(values.device)
    return draw_next_tensor(chain, values, now).cpu().numpy()


def draw_next_tensor(chain: Chain, values: Tensor, image: Tensor) -> Tensor:
    """Draw the images of next states as `draw_next` does, from and as tensors on the device."""
    drawn = _make_empty((*values.shape[:2], *image.shape[1:]), values.device)  # (B, A, *S)
    now = image.unsqueeze(1)  # (B, 1, *S)
    for out, m, m_next in iterate_parts(drawn.nbytes, PART_BYTES, drawn, now, values):
        out.copy_(m)  # broadcast over A
        chain.place(m_next, out)
    return drawn


def _make_empty(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Allocate a tensor; on the CPU with NumPy, which uses huge pages where there are any."""
    if device.type == "cpu":
        return torch.from_numpy(np.empty(shape, np.float32))
    return torch.empty(shape, device=device)
