"""Probabilities as whole numbers, so that the encoder and the decoder cannot disagree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOTAL = 1 << 16
"""Sum of the frequencies of all symbols.

Log-probabilities in float64 differ by about 1e-15 between processors. A frequency differs only if
this moves it across a whole number, whose probability is about 1e-15 * TOTAL.
"""


def quantise(log_probability: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return frequencies proportional to probabilities, at least 1 for every symbol.

    Args:
        log_probability: Of A symbols in N places, shape (N, A), in nats; -inf is allowed.

    Returns:
        Frequencies, shape (N, A), int64; each row sums to `TOTAL`.

    Raises:
        ValueError: If there are too many symbols, or a number is NaN.
    """
    num = log_probability.shape[1]
    if num > TOTAL // 4:
        raise ValueError(f"at most {TOTAL // 4} proposals can be coded, got {num}")
    if np.isnan(log_probability).any():
        raise ValueError("log p_S is NaN: the S-agent cannot code")
    shares = np.exp(log_probability)  # (N, A)
    frequency = 1 + np.floor(shares / shares.sum(1, keepdims=True) * (TOTAL - num)).astype(np.int64)
    best = frequency.argmax(1)  # (N,), the first of equals
    frequency[np.arange(len(best)), best] += TOTAL - frequency.sum(1)  # what rounding has lost
    return frequency


def quantise_bits(mean: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the frequency of 1 for Bernoulli means, same shape, in [1, TOTAL - 1]."""
    return np.clip(np.rint(mean * TOTAL), 1, TOTAL - 1).astype(np.int64)
