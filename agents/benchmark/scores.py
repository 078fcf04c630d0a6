"""Scores that are comparable across environments, and their confidence intervals.

Aggregates and intervals follow Agarwal et al., "Deep Reinforcement Learning at the Edge of the
Statistical Precipice" (2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import trim_mean

Scores = NDArray[np.float64]
"""One score for each task and run, shape (T, R)."""
RESAMPLES = 2000
"""Bootstrap samples of an interval."""


class Interval(NamedTuple):
    """An estimate and its 95 % interval."""

    value: float
    """The estimate from the scores themselves."""
    low: float
    """The 2.5th percentile of the bootstrap."""
    high: float
    """The 97.5th percentile of the bootstrap."""


def normalise(gain: Scores | float, best: float) -> Scores:
    """Scale the undiscounted change of potential over an episode, Phi(x_H, g) - Phi(x_0, g).

    Args:
        gain: The gain of an agent in nats, any shape; doing nothing gains 0: the score 0.
        best: The gain of the best known codes: the score 1. A larger score is a record.

    Raises:
        ValueError: If the best known codes gain nothing.
    """
    if best <= 0:
        raise ValueError(f"the best known codes gain {best:g} nats: there is nothing to choose")
    return np.asarray(gain) / best


def measure_area(steps: Sequence[float], scores: Sequence[float]) -> float:
    """Return the mean height of a learning curve, by the trapezoidal rule.

    Args:
        steps: Decisions before each evaluation, rising, shape (P,).
        scores: The scores, shape (P,).
    """
    if len(steps) < 2 or steps[-1] == steps[0]:
        return float(scores[-1])  # an agent without learning
    return float(np.trapezoid(scores, steps) / (steps[-1] - steps[0]))


def interquartile_mean(scores: Scores, axis: int | None = None) -> Scores:
    """Return the mean of the middle half of the scores along an axis; None stands for all."""
    return trim_mean(scores, 0.25, axis=axis)


def compute_interval(
    scores: Scores, estimate: Callable[..., Scores] = interquartile_mean, seed: int = 0
) -> Interval:
    """Compute a stratified bootstrap interval; runs are resampled within each task.

    Args:
        scores: Shape (T, R).
        estimate: The statistic of such scores over tasks and runs together; like `np.mean`, it
            takes the `axis` along which to reduce.
        seed: Seed of the bootstrap.
    """
    return _bootstrap(lambda drawn: estimate(drawn.reshape(len(drawn), -1), axis=1), [scores], seed)


def compare(scores: Scores, others: Scores, seed: int = 0) -> Interval:
    """Return the probability that a run of one algorithm has a better score than one of another.

    It is averaged over tasks; a tie counts as half.

    Args:
        scores: Scores of the one, shape (T, R).
        others: Scores of the other, shape (T, R').
        seed: Seed of the bootstrap.
    """

    def estimate(first: Scores, second: Scores) -> Scores:
        wins = np.zeros(len(first))
        for x, y in zip(first.swapaxes(0, 1), second.swapaxes(0, 1), strict=True):  # saves memory
            x, y = x[:, :, None], y[:, None, :]  # (B, R, 1), (B, 1, R')
            wins += (x > y).sum((1, 2)) + 0.5 * (x == y).sum((1, 2))
        return wins / (first[0].size * second.shape[2])

    return _bootstrap(estimate, [scores, others], seed)


def bootstrap_mean(values: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """Return the 95 % bootstrap intervals of means over runs.

    Args:
        values: Shape (R, P).
        seed: Seed of the bootstrap.

    Returns:
        Lower and upper ends, shape (2, P).
    """
    drawn = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    return np.percentile(values[drawn].mean(1), (2.5, 97.5), axis=0)  # of (RESAMPLES, P)


def _bootstrap(estimate: Callable[..., Scores], groups: list[Scores], seed: int) -> Interval:
    """Compute the interval of an estimate from one or more groups of scores.

    Args:
        estimate: From B draws of each group, shape (B, T, R), to B numbers.
        groups: The scores of each group, shape (T, R).
        seed: Seed of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    runs = [[_draw_runs(scores, rng) for scores in groups] for _ in range(RESAMPLES)]
    drawn = (
        np.take_along_axis(scores[None], np.stack(chosen), axis=2)
        for scores, chosen in zip(groups, zip(*runs, strict=True), strict=True)
    )
    low, high = np.percentile(estimate(*drawn), (2.5, 97.5))
    (value,) = estimate(*(scores[None] for scores in groups))
    return Interval(float(value), float(low), float(high))


def _draw_runs(scores: Scores, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw as many runs as there are, with replacement, independently in each task."""
    return rng.integers(scores.shape[1], size=scores.shape)
