"""What the proposer offers in N episodes: computed once, when a state is reached.

`NextStates` computes all A of a state, because `obs_mode="pixels"` shows them; `Chosen` only
the prior, and later the one proposal that is chosen. Both move a state in the same way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.batching import ALL, Rows, split, take
from gcgen_env.model.chain import Chain, Offer

BLOCK_BYTES = 16 << 20
"""Proposals that the network makes at once: about a processor's last-level cache."""
PART_BYTES = 2 << 20
"""Proposals that are turned into images at once: about a core's own cache."""


class Offers(ABC):
    """The offers made to N rows; `x` and `image` below are the canvases and images they are on.

    `renew` and `follow` are called without gradient.
    """

    def __init__(self, num_envs: int, num_proposals: int, device: torch.device) -> None:
        """Allocate a uniform offer for each row."""
        self.device = device
        self.index = np.arange(num_envs)
        self.log_prior = np.full((num_envs, num_proposals), -np.log(num_proposals), np.float32)
        """log p_S, shape (N, A), -inf where invalid."""
        self.mask = np.ones((num_envs, num_proposals), dtype=bool)
        """Valid proposals, shape (N, A)."""

    @property
    def num_proposals(self) -> int:
        """A."""
        return self.mask.shape[1]

    @abstractmethod
    def renew(
        self, chain: Chain, rows: Rows, x: Tensor, step: NDArray[np.int64], alike: bool
    ) -> None:
        """Offer what the proposer offers in the states of some rows.

        Args:
            chain: Makes the offers.
            rows: Which rows, K of them.
            x: Their canvases, shape (K, *S).
            step: Their h, shape (K,).
            alike: Whether they are all in one and the same state.
        """

    @abstractmethod
    def follow(
        self,
        chain: Chain,
        rows: Rows,
        action: NDArray[np.int64],
        x: Tensor,
        image: NDArray[np.float32],
        step: NDArray[np.int64],
    ) -> tuple[Tensor, NDArray[np.float32]]:
        """Return the canvases and images (K, *S) that choices (K,) lead to."""

    def close(self, chain: Chain, rows: NDArray[np.int64], image: NDArray[np.float32]) -> None:
        """Offer nothing more in ended rows: the image again and again, equally probable."""
        self.log_prior[rows] = -np.log(self.num_proposals)
        self.mask[rows] = True

    def draw(self, chain: Chain, rows: Rows, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the images of the A next states, shape (K, A, *S)."""
        raise NotImplementedError(f"{type(self).__name__} does not know them")

    def _steps(self, step: NDArray[np.int64]) -> Tensor:
        """Return h as a tensor of its own on the device."""
        return torch.from_numpy(step.copy()).to(self.device)

    def _set_prior(self, rows: Rows, offer: Offer) -> None:
        """Note the prior and the valid proposals of some rows."""
        count = len(take(self.index, rows))
        _check_offer("log_prior", offer.log_prior, (count, self.num_proposals))
        self.log_prior[rows] = log_prior = offer.log_prior.cpu().numpy()
        self.mask[rows] = mask = log_prior > -np.inf
        if not (mask.all() or mask.any(axis=1).all()):
            raise ValueError("the proposer gave no proposal a finite log_prior: is it NaN?")


class Chosen(Offers):
    """Keeps what the network saw in a state, and computes the chosen proposal alone."""

    _last: tuple[Rows, Tensor, Offer] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the last offer, which is made again when it is missing."""
        return {**self.__dict__, "_last": None}

    def renew(
        self, chain: Chain, rows: Rows, x: Tensor, step: NDArray[np.int64], alike: bool
    ) -> None:
        """Compute the priors."""
        h = self._steps(step)
        offer = chain.offer(x, h, alike, all_wanted=False)
        self._set_prior(rows, offer)
        self._last = rows, h, offer

    def follow(
        self,
        chain: Chain,
        rows: Rows,
        action: NDArray[np.int64],
        x: Tensor,
        image: NDArray[np.float32],
        step: NDArray[np.int64],
    ) -> tuple[Tensor, NDArray[np.float32]]:
        """Compute the chosen proposals, and with them the next states."""
        if self._last is not None and self._are_same(self._last[0], rows):
            _, h, offer = self._last
        else:  # other rows got an offer since
            h = self._steps(step)
            offer = chain.offer(x, h, all_wanted=False)
        delta = offer.rows(torch.from_numpy(action).to(self.device))
        canvas = chain.dynamics.advance(x, delta, h)
        return canvas, chain.likelihood.mean(canvas).cpu().numpy()

    def close(self, chain: Chain, rows: NDArray[np.int64], image: NDArray[np.float32]) -> None:
        """Offer nothing more in ended rows."""
        super().close(chain, rows, image)
        self._last = None

    def _are_same(self, some: Rows, others: Rows) -> bool:
        """Return whether two sets of rows are the same, in the same order."""
        if some is ALL and others is ALL:
            return True
        return np.array_equal(take(self.index, some), take(self.index, others))


class NextStates(Offers):
    """Computes all A next states of a state, as the P values that proposals can change."""

    _next: Tensor | None = None
    """Their canvases and the means of these, shape (2, N, A, P)."""

    def renew(
        self, chain: Chain, rows: Rows, x: Tensor, step: NDArray[np.int64], alike: bool
    ) -> None:
        """Compute the priors and the next states."""
        if alike:
            self._look_ahead(chain, self.index[rows][:1], x[:1], self._steps(step[:1]))
            self._repeat(rows)
            return
        h = self._steps(step)
        for block in split(len(step), x.nbytes * self.num_proposals, BLOCK_BYTES):
            some = block if rows is ALL else take(self.index[rows], block)
            self._look_ahead(chain, some, take(x, block), take(h, block))

    def _look_ahead(self, chain: Chain, rows: Rows, x: Tensor, h: Tensor) -> None:
        """Compute all next states of some rows.

        The network makes them for many rows at once, which is where it is fast; what follows
        is done for few rows at a time, which is where memory is fast.
        """
        offer = chain.offer(x, h)
        x, y = offer.x.unsqueeze(1), offer.all(torch.float32)
        num = x.shape[0]
        _check_offer("changes", y, (num, self.num_proposals, x.shape[2]))
        self._set_prior(rows, offer)
        if self._next is None:
            self._next = y.new_zeros(2, len(self.index), *y.shape[1:])
        out = self._next if rows is ALL else self._next[:, rows]
        canvas, image = out.unbind()
        for part in split(num, y.nbytes, PART_BYTES):
            reached = take(canvas, part)
            chain.dynamics.advance(take(x, part), take(y, part), take(h, part), out=reached)
            chain.likelihood.mean(reached, out=take(image, part))
        if not isinstance(rows, slice):  # then it was a copy
            self._next[:, rows] = out

    def _repeat(self, rows: Rows) -> None:
        """Offer in all these rows what the first of them is offered."""
        first = self.index[rows][:1]
        self.log_prior[rows], self.mask[rows] = self.log_prior[first], self.mask[first]
        if self._next is not None:
            self._next[:, rows] = self._next[:, first]

    def follow(
        self,
        chain: Chain,
        rows: Rows,
        action: NDArray[np.int64],
        x: Tensor,
        image: NDArray[np.float32],
        step: NDArray[np.int64],
    ) -> tuple[Tensor, NDArray[np.float32]]:
        """Look the next states up.

        They are not computed again: vectorised sigmoids differ in the last bit from place to
        place.
        """
        assert self._next is not None
        flat = take(self.index, rows) * self.num_proposals + action
        index = torch.from_numpy(flat).to(self.device)
        state = torch.stack((x, torch.from_numpy(image).to(self.device)))
        chain.place(self._next.flatten(1, 2).index_select(1, index), state)
        return state[0], state[1].cpu().numpy()

    def close(self, chain: Chain, rows: NDArray[np.int64], image: NDArray[np.float32]) -> None:
        """Offer nothing more in ended rows."""
        super().close(chain, rows, image)
        if self._next is not None:
            values = chain.compress(torch.from_numpy(image).to(self.device))
            self._next[1, rows] = values.unsqueeze(1)

    def draw(self, chain: Chain, rows: Rows, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Write the values that proposals change over copies of the image."""
        assert self._next is not None
        values = take(self._next[1], rows)
        now = torch.from_numpy(image).to(self.device).unsqueeze(1)
        drawn = _make_empty((len(image), self.num_proposals, *image.shape[1:]), self.device)
        for part in split(len(image), drawn.nbytes, PART_BYTES):
            out = take(drawn, part)
            out.copy_(take(now, part))
            chain.place(take(values, part), out)
        return drawn.cpu().numpy()


def make_offers(obs_mode: str, num_envs: int, num_proposals: int, device: torch.device) -> Offers:
    """Make the offers of an observation mode, "pixels" or "compact"."""
    kind = NextStates if obs_mode == "pixels" else Chosen
    return kind(num_envs, num_proposals, device)


def _make_empty(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Allocate memory; a processor's by NumPy, which asks for huge pages where there are any."""
    if device.type == "cpu":
        return torch.from_numpy(np.empty(shape, np.float32))
    return torch.empty(shape, device=device)


def _check_offer(name: str, offered: Tensor, shape: tuple[int, ...]) -> None:
    """Raise unless a proposer offers what was asked for; other shapes might broadcast."""
    if offered.shape != shape:
        raise ValueError(
            f"the proposer offered {name} of shape {tuple(offered.shape)}, the environment asks "
            f"for {shape}"
        )
