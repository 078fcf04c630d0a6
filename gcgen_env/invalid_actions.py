"""What an invalid action does, and which proposals an episode has used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def resolve(
    rule: str, action: NDArray[np.int64], mask: NDArray[np.bool_], log_prior: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Apply the rule of an environment, `invalid_action`, to the actions of K episodes.

    Args:
        rule: "skip" or "best_prior".
        action: Indices of proposals, shape (K,).
        mask: Valid proposals, shape (K, A).
        log_prior: log p_S, shape (K, A), -inf where invalid.

    Returns:
        The proposals to choose, which actions are invalid, and where nothing is chosen, all (K,).
    """
    invalid = ~mask[np.arange(len(action)), action]
    if rule == "skip" or not invalid.any():
        return action, invalid, invalid
    chosen = np.where(invalid, log_prior.argmax(axis=1), action)
    return chosen, invalid, np.zeros_like(invalid)


def mark_used(
    used: NDArray[np.bool_], chosen: NDArray[np.int64], skipped: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the used proposals of K episodes after their choices, shape (K, A).

    Args:
        used: Those before, shape (K, A); it stays as it is.
        chosen: The proposals, shape (K,).
        skipped: Where nothing is chosen, shape (K,).
    """
    used = used.copy()
    used[np.arange(len(chosen)), chosen] |= ~skipped
    return used
