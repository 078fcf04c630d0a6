"""What the chain needs from a proposer, and how a user-defined proposer is checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

LARGEST_CHANGE = 1e24
"""With the largest rate, a sum of changes of this size stays within float32."""
TOLERANCE = 1e-3
"""Largest |logsumexp| of a log p_S that counts as normalised."""


@runtime_checkable
class Proposer(Protocol):
    """An object that proposes A changes of a canvas without seeing any goal.

    Only `propose` is required. A proposer may also have `prior(canvas, step)`, which returns
    the second result alone, and `propose_rows(canvas, step, action)`, which returns only the
    chosen changes, shape (B, *S). If both exist, they are used where not all changes are needed.
    """

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Propose A changes for each canvas.

        Args:
            canvas: x in canvas space, shape (B, *S), float32.
            step: h, shape (B,), int64, each in [0, H).

        Returns:
            y, shape (B, A, *S), in canvas space, before the rate; and the normalised
            log p_S(a | x, h), shape (B, A), in nats.
        """
        ...


class Proposals(NamedTuple):
    """The A proposals of B states; the changes are computed only when they are needed."""

    x: Tensor
    """The P values of each canvas that proposals can change, shape (B, P)."""
    log_prior: Tensor
    """log p_S, shape (B, A), -inf where invalid."""
    chosen: Callable[[Tensor], Tensor]
    """Maps actions (B,) to the chosen changes (B, *S), with gradient."""
    all: Callable[..., Tensor]
    """Computes all changes (B, A, P) in a precision, without gradient; or some of the P values,
    if their indices are the second argument.

    The result has the canvas's precision, and the caller may overwrite it.
    """
    products: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    """Maps r (B, P) and w (P,) to <r, y[a]> and sum_i w y[a]^2, both (B, A), without computing
    the changes; None if the proposer cannot."""
    is_fixed: bool = False
    """Whether the changes are never trained."""


class LazyProposer(ABC):
    """A proposer that computes only what is needed; base class of the proposers of this package.

    Proposals change P of the values of an image. Here P is all of them.
    """

    shape: tuple[int, ...]
    """Shape S of one image."""

    @abstractmethod
    def lazy(
        self, canvas: Tensor, step: Tensor, same_state: bool = False, need_all: bool = True
    ) -> Proposals:
        """Compute the prior now and the changes on demand.

        Args:
            canvas: x, shape (B, *S).
            step: h, shape (B,), int64.
            same_state: Whether all B states are the same one.
            need_all: Whether `Proposals.all` will be called.
        """

    def compress(self, images: Tensor) -> Tensor:
        """Select the P values that proposals can change: (..., *S) to (..., P)."""
        return images.flatten(-len(self.shape))

    def place(self, values: Tensor, out: Tensor) -> None:
        """Write P values (..., P) into contiguous images or canvases `out` (..., *S)."""
        out.copy_(values.unflatten(-1, self.shape))

    def cast_once(
        self, dtype: torch.dtype, part: Tensor | None = None
    ) -> AbstractContextManager[None]:
        """Return a context in which weights are selected and cast to `dtype` at most once.

        The weights must not change inside the context.
        """
        return nullcontext()


def as_lazy(proposer: Proposer | LazyProposer, shape: tuple[int, ...]) -> LazyProposer:
    """Return a proposer of this package unchanged, and wrap a user-defined one."""
    return proposer if isinstance(proposer, LazyProposer) else CheckedProposer(proposer, shape)


class CheckedProposer(LazyProposer):
    """A user-defined proposer whose results are validated.

    Every result that breaks the `Proposer` protocol raises a ValueError.
    """

    def __init__(self, proposer: Proposer, shape: tuple[int, ...]) -> None:
        """Wrap a proposer of changes of shape (B, A, *shape)."""
        self.inner: Any = proposer
        self.shape = shape
        self._has_parts = hasattr(proposer, "prior") and hasattr(proposer, "propose_rows")

    def lazy(
        self, canvas: Tensor, step: Tensor, same_state: bool = False, need_all: bool = True
    ) -> Proposals:
        """Call the cheapest methods that the proposer implements; see `LazyProposer`."""
        x = self.compress(canvas)  # (B, P)
        if self._has_parts and not need_all:
            return Proposals(
                x,
                _check_prior(self.inner.prior(canvas, step), canvas),  # (B, A)
                lambda action: self._propose_rows(canvas, step, action),  # (B,) to (B, *S)
                lambda dtype, part=None: round_changes(self.propose(canvas, step)[0], dtype, part),
            )
        delta, log_prior = self.propose(canvas, step)
        index = torch.arange(len(canvas), device=canvas.device)  # (B,)
        return Proposals(
            x,
            log_prior,
            lambda action: delta[index, action],  # (B,) to (B, *S)
            lambda dtype, part=None: round_changes(delta, dtype, part),  # (B, A, P)
        )

    def propose(self, canvas: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Return the changes, shape (B, A, *S), and log p_S, shape (B, A)."""
        result: Any = self.inner.propose(canvas, step)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise ValueError(f"{_PROTOCOL}, got {type(result).__name__}")
        log_prior = _check_prior(result[1], canvas)
        wanted = (*log_prior.shape, *self.shape)  # (B, A, *S)
        return _check_changes(result[0], canvas, wanted, "propose"), log_prior

    def _propose_rows(self, canvas: Tensor, step: Tensor, action: Tensor) -> Tensor:
        """Return the chosen changes, shape (B, *S)."""
        delta = self.inner.propose_rows(canvas, step, action)
        return _check_changes(delta, canvas, tuple(canvas.shape), "propose_rows")


def round_changes(delta: Tensor, dtype: torch.dtype, part: Tensor | None = None) -> Tensor:
    """Return changes (B, A, *S) as a new (B, A, P) tensor, rounded to `dtype`."""
    values = delta.detach().flatten(2)
    values = values if part is None else values.index_select(-1, part)
    return values.to(dtype).to(delta.dtype, copy=True)


_PROTOCOL = (
    "the proposer's propose(canvas, step) must return two torch tensors, changes (B, A, *S) and "
    "log_prior (B, A)"
)


def _check_changes(delta: Any, canvas: Tensor, wanted: tuple[int, ...], method: str) -> Tensor:
    """Return finite changes in the canvas's precision, or raise a ValueError."""
    delta = _check_tensor("changes", delta).to(canvas)  # the canvas's dtype and device
    if tuple(delta.shape) != wanted:
        raise ValueError(
            f"the proposer's {method} returned changes of shape {tuple(delta.shape)}, expected "
            f"{wanted}"
        )
    if not (delta.abs() <= LARGEST_CHANGE).all():  # also true for NaN
        raise ValueError(
            f"the proposer's changes must be finite and at most {LARGEST_CHANGE:g}, got "
            f"{float(delta.abs().max()):g}"
        )
    return delta


def _check_prior(log_prior: Any, canvas: Tensor) -> Tensor:
    """Return a normalised log p_S in the canvas's precision, or raise a ValueError."""
    log_prior = _check_tensor("log_prior", log_prior).to(canvas)  # the canvas's dtype and device
    if log_prior.ndim != 2 or len(log_prior) != len(canvas):
        raise ValueError(
            f"the proposer returned log_prior of shape {tuple(log_prior.shape)}, expected (B, A) "
            f"with B={len(canvas)}"
        )
    total = log_prior.logsumexp(-1)  # (B,), 0 if normalised
    wrong = ~(total.abs() < TOLERANCE)  # also true for NaN
    if wrong.any():
        first = float(total[wrong][0])  # the first wrong state is enough for the message
        raise ValueError(
            "the proposer's log_prior must be normalised: its logsumexp over the A proposals must "
            f"be 0 for every state, got {first:g}" + (": is it NaN?" if first != first else "")
        )
    return log_prior


def _check_tensor(name: str, result: Any) -> Tensor:
    """Return a tensor, or raise a ValueError that names what is not one."""
    if not isinstance(result, Tensor):
        raise ValueError(f"{_PROTOCOL}; {name} is a {type(result).__name__}")
    wrong = None
    if result.is_complex():
        wrong = f"of real numbers, got {result.dtype}"
    elif result.layout is not torch.strided:
        wrong = f"a dense tensor, got {result.layout}"
    elif result.is_meta:
        wrong = "a tensor with values, got a meta tensor"
    if wrong is not None:
        raise ValueError(f"the proposer's {name} must be {wrong}")
    return result
