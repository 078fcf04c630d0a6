"""What an invalid action does, and which proposals an episode has used."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gcgen_env.config import EnvConfig


def resolve(
    config: EnvConfig,
    invalid: NDArray[np.bool_],
    action: NDArray[np.int64],
    log_prior: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Apply the rule `invalid_action` of an environment to the actions of K episodes.

    Args:
        config: The environment's configuration.
        invalid: Which actions are invalid, shape (K,).
        action: Indices of proposals, shape (K,).
        log_prior: log p_S, shape (K, A), -inf where invalid.

    Returns:
        The proposals to choose, and where nothing is chosen, both (K,).
    """
    if config.invalid_action == "skip":
        return action, invalid
    return np.where(invalid, find_most_probable(log_prior), action), np.zeros_like(invalid)


def find_most_probable(log_prior: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the most probable proposals, shape (K,), given log p_S (K, A); see `spread`."""
    order = spread(log_prior.shape[1])
    return order[log_prior[:, order].argmax(axis=1)]


@cache
def spread(num: int) -> NDArray[np.int64]:
    """Return an order of `num` proposals in which neighbours are far apart, shape (num,).

    Of equally probable proposals the first in this order is chosen. In their own order neighbouring
    atoms of a dictionary, which are opposite, would cancel: an agent that always chooses an invalid
    action would nearly stand still, which is better than most choices.
    """
    golden = (5**0.5 - 1) / 2  # the multiples of no other number are spread as evenly
    return np.argsort(np.arange(num) * golden % 1.0)


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
