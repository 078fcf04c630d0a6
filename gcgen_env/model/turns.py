"""Who computes independent batches: this process alone, or several processes in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import Tensor

Result = tuple[Tensor, ...]


class Turns(Protocol):
    """Computes every batch in one of the processes, and returns all results in each of them."""

    def __call__(
        self,
        batches: Sequence[Any],
        compute: Callable[[Any], Result],
        skip: Callable[[Any], object] = ...,
    ) -> list[Result]:
        """Return the results, in the order of the batches.

        Args:
            batches: As all processes have them.
            compute: Computes a batch.
            skip: Called instead for a batch of another process: it draws the random numbers that
                `compute` draws, so that the results do not depend on the number of processes.
        """
        ...


def alone(
    batches: Sequence[Any],
    compute: Callable[[Any], Result],
    skip: Callable[[Any], object] = lambda batch: None,
) -> list[Result]:
    """Compute all batches in this process; see `Turns`."""
    return [compute(batch) for batch in batches]
