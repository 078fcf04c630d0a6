"""The decision chain x_0 -> x_H: proposer, dynamics, likelihood and pruning; no goal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gcgen_env.model.asking import compute_offer, compute_prior, compute_rows
from gcgen_env.model.dynamics import Dynamics
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.proposer import Proposer
from gcgen_env.model.pruning import prune_prior


class Proposals(NamedTuple):
    """What is offered at a batch of states."""

    delta: Tensor
    """y, shape (B, A, *S), in canvas space, before the rate."""
    log_prior: Tensor
    """log p_S after pruning, shape (B, A), -inf where invalid."""


class Offer(NamedTuple):
    """The proposals of a batch of states, none of them computed before it is asked for."""

    x: Tensor
    """The P values of the canvases that proposals can change, shape (B, P)."""
    log_prior: Tensor
    """log p_S after pruning, shape (B, A), -inf where invalid."""
    rows: Callable[[Tensor], Tensor]
    """Maps actions (B,) to the chosen changes (B, *S)."""
    all: Callable[[torch.dtype], Tensor]
    """Computes all changes (B, A, P) at the active values in a precision, without gradient.

    They are in the canvas's precision, and the caller may overwrite them.
    """


@dataclass(frozen=True, eq=False)
class Chain:
    """A Markov chain on canvases whose only randomness is the choice among A proposals."""

    proposer: Proposer
    """Offers the proposals."""
    dynamics: Dynamics
    """Start and transition."""
    likelihood: Likelihood
    """p(g | x)."""
    nucleus: float = 1.0
    """Prior mass of the valid proposals."""

    @property
    def horizon(self) -> int:
        """Number of decisions H."""
        return self.dynamics.horizon

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape S of one image."""
        return tuple(self.dynamics.initial.shape)

    def propose(self, canvas: Tensor, step: Tensor) -> Proposals:
        """Return all proposals at canvases (B, *S) and steps (B,)."""
        delta, log_prior = compute_offer(self.proposer, canvas, step)
        return Proposals(delta, prune_prior(log_prior, self.nucleus))

    def prior(self, canvas: Tensor, step: Tensor) -> Tensor:
        """Return log p_S after pruning, shape (B, A), -inf where invalid."""
        return prune_prior(compute_prior(self.proposer, canvas, step), self.nucleus)

    def choose(self, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
        """Return the canvases (B, *S) reached by the chosen proposals alone."""
        delta = compute_rows(self.proposer, canvas, step, action)
        return self.dynamics.advance(canvas, delta, step)

    def offer(
        self, canvas: Tensor, step: Tensor, alike: bool = False, all_wanted: bool = True
    ) -> Offer:
        """Return the prior now and the proposals on demand, from one pass of the network.

        Args:
            canvas: x, shape (B, *S).
            step: h, shape (B,), int64.
            alike: All rows are the same state, so that the network need look at one only.
            all_wanted: Whether `all` will be asked for. A proposer other than
                `ProposalNetwork` then computes all proposals at once; else it is asked the
                cheapest way it offers.
        """
        network = self.proposer
        if isinstance(network, ProposalNetwork):
            x = network.compress(canvas)
            if alike:
                z, log_prior = network.encode(x[:1], step[:1])
                z, log_prior = (v.expand(len(canvas), *v.shape[1:]) for v in (z, log_prior))
            else:
                z, log_prior = network.encode(x, step)
            return Offer(
                x,
                prune_prior(log_prior, self.nucleus),
                lambda action: network.expand(network.head.rows(z, action)),
                lambda dtype: network.head(z.detach(), dtype).detach(),
            )
        if not all_wanted:
            return Offer(
                self.compress(canvas),
                self.prior(canvas, step),
                lambda action: compute_rows(self.proposer, canvas, step, action),
                lambda dtype: _flatten(self.propose(canvas, step).delta, dtype),
            )
        delta, log_prior = self.propose(canvas, step)
        index = torch.arange(len(canvas), device=canvas.device)
        return Offer(
            self.compress(canvas),
            log_prior,
            lambda action: delta[index, action],
            lambda dtype: _flatten(delta, dtype),
        )

    def compress(self, images: Tensor) -> Tensor:
        """Pick the P values that proposals can change: images or canvases (..., *S) to (..., P)."""
        if isinstance(self.proposer, ProposalNetwork):
            return self.proposer.compress(images)
        return images.flatten(-len(self.shape))

    def place(self, values: Tensor, out: Tensor) -> None:
        """Write such values (..., P) over those of contiguous images or canvases (..., *S)."""
        if isinstance(self.proposer, ProposalNetwork):
            self.proposer.place(values, out)
        else:
            out.copy_(values.unflatten(-1, self.shape))

    def keep_cast(self, dtype: torch.dtype) -> AbstractContextManager[None]:
        """Return a context in which `Offer.all` casts the network's weights to `dtype` once.

        The weights must not change within.
        """
        if isinstance(self.proposer, ProposalNetwork):
            return self.proposer.head.keep_cast(dtype)
        return nullcontext()


def _flatten(delta: Tensor, dtype: torch.dtype) -> Tensor:
    """Return changes (B, A, *S) as (B, A, P), rounded to `dtype`, in their own precision."""
    return delta.detach().to(dtype).flatten(2).to(delta.dtype, copy=True)
