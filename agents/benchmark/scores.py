"""Scores that compare across environments, and how sure one can be of them.

The aggregates and intervals are those of Agarwal et al., "Deep Reinforcement Learning at the
Edge of the Statistical Precipice" (2021).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import trim_mean

RESAMPLES = 2000
"""Bootstrap samples of an interval."""


class Interval(NamedTuple):
    """An estimate and its 95 % interval."""

    value: float
    """The estimate on the scores themselves."""
    low: float
    """The 2.5th percentile of the bootstrap."""
    high: float
    """The 97.5th."""


def normalise(
    gain: NDArray[np.float64] | float, random: float, greedy: float
) -> NDArray[np.float64]:
    """Scale the undiscounted change of potential over an episode, Phi(x_H, g) - Phi(x_0, g).

    Args:
        gain: What an agent gained, in nats, any shape.
        random: What random valid actions gain: the score 0.
        greedy: What greedy look-ahead gains: the score 1; search can exceed it.

    Raises:
        ValueError: If the two are the same, as where one proposal alone is valid.
    """
    if random == greedy:
        raise ValueError("random and greedy actions gain the same: there is nothing to choose")
    return (np.asarray(gain) - random) / (greedy - random)


def interquartile_mean(scores: NDArray[np.float64]) -> float:
    """Return the mean of the middle half of all scores (tasks, runs)."""
    return float(trim_mean(scores, 0.25, axis=None))


def compute_interval(
    scores: NDArray[np.float64],
    estimate: Callable[[NDArray[np.float64]], float] = interquartile_mean,
    seed: int = 0,
) -> Interval:
    """Bootstrap an estimate, stratified: runs are drawn anew within each task.

    Args:
        scores: One for each task and run, shape (T, R).
        estimate: Of such scores.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    tasks, runs = scores.shape
    index = rng.integers(runs, size=(RESAMPLES, tasks, runs))
    drawn = np.take_along_axis(scores[None], index, axis=2)
    low, high = np.percentile([estimate(sample) for sample in drawn], (2.5, 97.5))
    return Interval(estimate(scores), float(low), float(high))


def bootstrap_mean(
    values: NDArray[np.float64], seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the 95 % bootstrap intervals of means over runs.

    Args:
        values: Shape (R, P).
        seed: Of the draws.

    Returns:
        Lower and upper ends, each (P,).
    """
    drawn = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(1), (2.5, 97.5), axis=0)
    return low, high


def compare(scores: NDArray[np.float64], others: NDArray[np.float64], seed: int = 0) -> Interval:
    """Return the probability of improvement: that a run of one algorithm beats one of another.

    Averaged over tasks; ties count half.

    Args:
        scores: Shape (T, R).
        others: Shape (T, R').
        seed: Of the bootstrap.
    """
    runs = scores.shape[1]

    def estimate(both: NDArray[np.float64]) -> float:
        x, y = both[:, :runs, None], both[:, None, runs:]
        return float(((x > y) + 0.5 * (x == y)).mean())

    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(RESAMPLES):
        parts = [
            np.take_along_axis(s, rng.integers(s.shape[1], size=s.shape), 1)
            for s in (scores, others)
        ]
        samples.append(estimate(np.concatenate(parts, axis=1)))
    low, high = np.percentile(samples, (2.5, 97.5))
    return Interval(estimate(np.concatenate([scores, others], axis=1)), float(low), float(high))
