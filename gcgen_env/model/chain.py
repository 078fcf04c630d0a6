"""The decision chain x_0 -> x_H of the generative model: no goal, no episode."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gcgen_env.model.classes import check_labels, repeat_labels
from gcgen_env.model.likelihoods import Likelihood
from gcgen_env.model.nucleus import prune_prior
from gcgen_env.model.parts import iterate_parts
from gcgen_env.model.proposer import Proposals, as_lazy

PART_BYTES = 2 << 20
"""Size of the next states that are computed at once: about the cache of one core."""


@dataclass(frozen=True, eq=False)
class Dynamics:
    """The initial canvas and the deterministic transition x[h+1] = x[h] + alpha[h] * y[h][a]."""

    initial: Tensor
    """x_0 in canvas space, shape (*S), float32."""
    rate: Tensor
    """alpha, the scale of the chosen proposal at each step, shape (H,), float32."""

    @property
    def horizon(self) -> int:
        """Number of decisions H."""
        return len(self.rate)

    def start(self, num: int) -> Tensor:
        """Return `num` copies of x_0, shape (num, *S)."""
        start = self.initial.expand(num, *self.initial.shape)  # a view with stride 0
        return start.clone(memory_format=torch.contiguous_format)  # entries are overwritten later

    def advance(
        self, canvas: Tensor, delta: Tensor, step: Tensor, out: Tensor | None = None
    ) -> Tensor:
        """Compute x + alpha[h] * y.

        Args:
            canvas: x, shape (B, *S), or (B, 1, *S) to broadcast over proposals.
            delta: y, shape (B, *S) or (B, A, *S).
            step: h, shape (B,), int64, each in [0, H).
            out: Where to write the result, possibly `delta` itself; only without gradient.

        Returns:
            The next canvases, in the shape of `delta`.
        """
        alpha = self.rate.index_select(0, step).view(-1, *(1,) * (delta.ndim - 1))  # (B, 1, ...)
        return torch.addcmul(canvas, alpha, delta, out=out)

    def accumulate(self, delta: Tensor) -> Tensor:
        """Return x_1 to x_H, the sums of x_0 and the changes y_h: both of shape (B, H, *S)."""
        alpha = self.rate.view(-1, *(1,) * self.initial.ndim)  # (H, 1, ...)
        return self.initial + (alpha * delta).cumsum(1)

    def to(self, device: torch.device | str) -> Dynamics:
        """Return the same dynamics on another device."""
        return Dynamics(self.initial.to(device), self.rate.to(device))


@dataclass(frozen=True, eq=False)
class Chain:
    """A Markov chain on canvases; the choice among A proposals is its only randomness."""

    proposer: Any
    """Proposes the changes. A user-defined `Proposer` is wrapped in a `CheckedProposer`."""
    dynamics: Dynamics
    """Initial canvas and transition."""
    likelihood: Likelihood
    """p(g | x)."""
    nucleus: float = 1.0
    """Prior mass of the valid proposals."""
    single_use: bool = False
    """Whether a trajectory can choose each proposal once; see `use`."""
    label: Tensor | None = None
    """Classes of the images, shape (), or (N,) if B is a multiple of N and the states of one image
    are adjacent; int64, -1 for no class. None draws without classes; see `given`."""

    def __post_init__(self) -> None:
        """Adapt the proposer."""
        object.__setattr__(self, "proposer", as_lazy(self.proposer, self.shape))

    @property
    def horizon(self) -> int:
        """Number of decisions H."""
        return self.dynamics.horizon

    @property
    def num_proposals(self) -> int:
        """Number of proposals A; a user-defined proposer may have to be called."""
        if (known := getattr(self.proposer, "num_proposals", None)) is not None:
            return int(known)
        start, step = self.dynamics.start(1), torch.zeros(1, dtype=torch.long, device=self.device)
        return self.propose(start, step, need_all=False).log_prior.shape[1]

    @property
    def num_classes(self) -> int:
        """Classes that the proposer can be given; 0 if it is unconditional."""
        return int(getattr(self.proposer, "num_classes", 0))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape S of one image."""
        return tuple(self.dynamics.initial.shape)

    @property
    def device(self) -> torch.device:
        """Device of the canvases."""
        return self.dynamics.initial.device

    def given(self, label: Any) -> Chain:
        """Return the chain of images of given classes; None gives the unconditional chain.

        Args:
            label: One class, or classes (N,); see `label`. Searches need one class for all images.

        Raises:
            ValueError: If a class is out of range, or the proposer is unconditional.
        """
        return replace(self, label=check_labels(label, self.num_classes, self.device))

    def propose(
        self,
        canvas: Tensor,
        step: Tensor,
        same_state: bool = False,
        need_all: bool = True,
        used: Tensor | None = None,
    ) -> Proposals:
        """Propose changes of canvases: the pruned prior now, the changes on demand.

        Args:
            canvas: x, shape (B, *S).
            step: h, shape (B,), int64.
            same_state: Whether all B states are the same one: it is then computed once.
            need_all: Whether all changes will be needed, rather than the chosen ones alone.
            used: Proposals that cannot be chosen again, shape (B, A), bool; None if all can.
        """
        proposals = self._lazy(canvas, step, same_state, need_all)
        if self.nucleus < 1.0:
            proposals = proposals._replace(log_prior=prune_prior(proposals.log_prior, self.nucleus))
        if used is not None:
            left = proposals.log_prior.masked_fill(used, float("-inf"))  # (B, A), not normalised
            proposals = proposals._replace(log_prior=left.log_softmax(-1))
        return proposals

    def use(self, used: Tensor | None, action: Tensor) -> Tensor | None:
        """Return which proposals cannot be chosen after a choice; None without `single_use`.

        Args:
            used: Those before it, shape (B, A), bool; None if there are none.
            action: The choice, shape (B,).
        """
        if not self.single_use:
            return None
        if used is None:
            used = action.new_zeros(len(action), self.num_proposals, dtype=torch.bool)
        return used.scatter(1, action.unsqueeze(1), True)  # a new tensor

    def choose(self, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
        """Return the next canvases (B, *S) of the chosen proposals."""
        delta = self._lazy(canvas, step, need_all=False).chosen(action)  # (B, *S)
        return self.dynamics.advance(canvas, delta, step)

    def _lazy(
        self, canvas: Tensor, step: Tensor, same_state: bool = False, need_all: bool = True
    ) -> Proposals:
        """Return what the proposer proposes, given the classes if there are any."""
        if self.label is None:
            return self.proposer.lazy(canvas, step, same_state, need_all)
        label = repeat_labels(self.label, len(canvas))
        return self.proposer.lazy(canvas, step, same_state, need_all, label)

    def next_images(
        self, proposals: Proposals, step: Tensor, out: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the canvases and images of all next states, at the P values.

        Args:
            proposals: Of B states.
            step: h, shape (B,).
            out: Where to write both, shape (2, B, A, P).

        Returns:
            x'_a and m(x'_a), each of shape (B, A, P).
        """
        x, y = proposals.x.unsqueeze(1), proposals.all(torch.float32)  # (B, 1, P), (B, A, P)
        canvas, image = (y.new_empty(2, *y.shape) if out is None else out).unbind()
        # The network is fast on many states at once, these operations on few at a time.
        parts = iterate_parts(y.nbytes, PART_BYTES, x, y, step, canvas, image)
        for x, y, h, x_next, m_next in parts:
            self.dynamics.advance(x, y, h, out=x_next)
            self.likelihood.mean(x_next, out=m_next)
        return canvas, image

    def measure_next_(
        self, x: Tensor, delta: Tensor, step: Tensor, goal: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute the images of all next states, in place, and how well they explain a goal.

        Args:
            x: Canvases at the P values or at a part of them, shape (B, P).
            delta: All changes at the same values, shape (B, A, P); overwritten by the images.
            step: h, shape (B,).
            goal: g at the same values, shape (B, P).

        Returns:
            m(x'_a), shape (B, A, P), and log p(g | x'_a) over the P values, shape (B, A), in nats.
        """
        canvas = self.dynamics.advance(x.unsqueeze(1), delta, step, out=delta)
        return self.likelihood.measure_(canvas, goal)

    def compress(self, images: Tensor) -> Tensor:
        """Select the P values that proposals can change: (..., *S) to (..., P)."""
        return self.proposer.compress(images)

    def place(self, values: Tensor, out: Tensor) -> None:
        """Write P values (..., P) into contiguous images or canvases `out` (..., *S)."""
        self.proposer.place(values, out)

    def cast_once(
        self, dtype: torch.dtype, part: Tensor | None = None
    ) -> AbstractContextManager[None]:
        """Return a context in which the weights, which must not change, are cast at most once."""
        return self.proposer.cast_once(dtype, part)
