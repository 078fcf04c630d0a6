"""The `self.locals` that SB3 callbacks read at each decision, computed only when read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.gcgen.rollout import StepRecord


class LazySequence(Sequence[Any]):
    """An array or list that is computed when it is first read."""

    def __init__(self, length: int, compute: Callable[[], Any]) -> None:
        """Store the length and the function that computes the values."""
        self._length = length
        self._compute = compute
        self._values: Any = None

    @property
    def values(self) -> Any:
        """The computed values."""
        if self._values is None:
            self._values = self._compute()
        return self._values

    def __len__(self) -> int:
        """Return the number of trajectories."""
        return self._length

    def __getitem__(self, index: Any) -> Any:
        """Return some of the values."""
        return self.values[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all values as an array."""
        return np.array(self.values, dtype=dtype)  # a copy, which the caller may change

    def __repr__(self) -> str:
        """Show the values."""
        return repr(self.values)


class Unavailable:
    """An entry of `self.locals` that does not exist; every use of it raises a ValueError."""

    def __init__(self, message: str) -> None:
        """Store the message of the error."""
        self._message = message

    def _raise(self, *args: Any, **kwargs: Any) -> Any:
        """Raise the error."""
        raise ValueError(self._message)

    __array__ = __bool__ = __call__ = __contains__ = __getitem__ = __iter__ = __len__ = _raise

    def __getattr__(self, name: str) -> Any:
        """Raise the error for public attributes, as `items` or `shape`."""
        if name.startswith("_"):  # Python and NumPy look for such names by themselves
            raise AttributeError(name)
        raise ValueError(self._message)


def make_locals(record: StepRecord, horizon: int) -> dict[str, Any]:
    """Return the entries that SB3's callbacks read, for B trajectories.

    Args:
        record: The decision.
        horizon: H.

    Returns:
        "actions" (B,), "rewards" (B,) in nats, "dones" (B,), and "infos", B dicts with the
        potential after the decision and its step. "new_obs" raises an error when it is read.
    """
    num = len(record.action)

    def compute_rewards() -> NDArray[np.float32]:
        return (record.potential_next - record.potential).cpu().numpy()  # shaping reward, (B,)

    def list_infos() -> list[dict[str, Any]]:
        potentials = record.potential_next.tolist()
        return [{"potential": value, "step": record.step + 1} for value in potentials]

    return {
        "actions": LazySequence(num, lambda: record.action.cpu().numpy()),
        "rewards": LazySequence(num, compute_rewards),
        "dones": np.full(num, record.step + 1 == horizon),  # all B end together
        "infos": LazySequence(num, list_infos),
        "new_obs": Unavailable(
            "GCGen computes no observations in its roll-outs: callbacks can read actions, rewards, "
            "dones and infos; for observations, step model.get_env()"
        ),
    }
