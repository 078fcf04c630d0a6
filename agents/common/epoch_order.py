"""The order of training images without replacement: each once in an epoch, then in a new order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class EpochOrder:
    """An endless sequence of the indices of N images, from a seed.

    Epoch e is a permutation of its own, so that the seed and the number of indices drawn so far
    are the whole state. It is computed as its epoch begins, and takes 4 bytes for each image.
    """

    def __init__(self, num: int, seed: int, drawn: int = 0) -> None:
        """Begin after a number of indices.

        Args:
            num: N.
            seed: Seed of all permutations, not negative.
            drawn: Number of indices drawn before.
        """
        self.num, self.seed, self.drawn = num, seed, drawn
        self._epoch = -1
        self._permutation: NDArray[Any] = np.empty(0, np.int64)

    def draw(self, count: int) -> NDArray[np.int64]:
        """Return the next indices, shape (count,)."""
        parts: list[NDArray[Any]] = [np.empty(0, np.int64)]
        while count > 0:
            epoch, start = divmod(self.drawn, self.num)
            part = self._permute(epoch)[start : start + count]  # fewer at the end of an epoch
            parts.append(part)
            self.drawn, count = self.drawn + len(part), count - len(part)
        return np.concatenate(parts, dtype=np.int64)

    def _permute(self, epoch: int) -> NDArray[Any]:
        """Return the permutation of an epoch, shape (N,)."""
        if epoch != self._epoch:
            kind = np.int32 if self.num <= np.iinfo(np.int32).max else np.int64
            order = np.arange(self.num, dtype=kind)
            np.random.default_rng((self.seed, epoch)).shuffle(order)
            self._epoch, self._permutation = epoch, order
        return self._permutation

    @property
    def state(self) -> dict[str, int]:
        """Seed and position, JSON values; `EpochOrder(num, **state)` goes on from there."""
        return {"seed": self.seed, "drawn": self.drawn}


def check_epochs(state: Any) -> None:
    """Raise a ValueError unless a value is the state of an `EpochOrder`."""
    is_table = isinstance(state, dict) and set(state) == {"seed", "drawn"}
    if not is_table or any(type(value) is not int or value < 0 for value in state.values()):
        raise ValueError(f"the place in an epoch is {state!r:.99}")
