"""Finds codebooks: k-means of what each step shall add, coarse coordinates first.

A step moves a group of consecutive coordinates: early steps a few coarse ones, late steps many
fine ones. If coordinates of variances v_i were normal, r_i bits would leave the error
v_i 2^(-2 r_i), and the b = log2 A bits of a group leave least by reverse water-filling (Cover and
Thomas, 2006, section 10.3): with a level D for which they add up,

    r_i = max(0, log2(v_i / D) / 2)        error: sum_i min(v_i, D)

The groups are those of the least error in all. Together their codebooks are a product quantiser
(Jegou et al., 2011). As groups are orthogonal, the best codewords of all steps are the best code.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor

from gcgen_env.model.network_config import Group

LARGEST_GROUP = 16
"""Most coordinates that one step moves."""
ITERATIONS = 20
"""Most iterations of k-means."""


class Codebooks(NamedTuple):
    """Codewords of all steps, and how often each was used."""

    groups: tuple[Group, ...]
    """First coordinate and number of coordinates of each step's group, length H."""
    codewords: list[Tensor]
    """For each step, shape (N_h, A)."""
    counts: Tensor
    """Number of images that use each codeword, shape (H, A)."""


def fit_codebooks(values: Tensor, num_proposals: int, horizon: int, seed: int) -> Codebooks:
    """Fit H codebooks of A codewords each, one after the other, to what is left of images.

    One thread computes them, so that equal seeds give equal codewords.

    Args:
        values: Coordinates of images around x_0, those that vary most first, in units in which
            squared errors count equally; shape (N, P).
        num_proposals: A.
        horizon: H.
        seed: Seed of the first codewords.
    """
    groups = find_groups(values.square().mean(0), num_proposals, horizon)
    rest, codewords, counts = values.numpy().copy(), [], []
    with threadpool_limits(1):
        for first, size in groups:
            part = rest[:, first : first + size]  # (N, N_h), a view
            words = _find_codewords(part, num_proposals, seed)  # (A, N_h)
            distance = torch.cdist(torch.from_numpy(part), torch.from_numpy(words))
            action = distance.argmin(1)  # (N,)
            part -= words[action.numpy()]
            codewords.append(torch.from_numpy(words.T.copy()))
            counts.append(torch.bincount(action, minlength=num_proposals))
    return Codebooks(groups, codewords, torch.stack(counts))


def find_groups(variance: Tensor, num_proposals: int, horizon: int) -> tuple[Group, ...]:
    """Return the first coordinate and the number of coordinates of each step.

    Coordinates at the end may be left out. If there are not more of them than steps, several steps
    move the same one.

    Args:
        variance: Variance of each coordinate, the largest first, shape (P,).
        num_proposals: A.
        horizon: H.
    """
    bits = math.log2(max(num_proposals, 2))
    values = variance.double().clamp_min(1e-12).numpy()
    if len(values) <= horizon:
        return _repeat(values, bits, horizon)
    return _divide(_find_gains(values, bits), horizon)


def _repeat(variance: NDArray[np.float64], bits: float, horizon: int) -> tuple[Group, ...]:
    """Give every coordinate a step, and each further step the one with the largest error left."""
    error, count = variance * 2 ** (-2 * bits), np.ones(len(variance), np.int64)
    for _ in range(horizon - len(variance)):
        worst = int(error.argmax())
        error[worst] *= 2 ** (-2 * bits)
        count[worst] += 1
    return tuple((int(place), 1) for place in np.repeat(np.arange(len(variance)), count))


def _divide(gains: NDArray[np.float64], horizon: int) -> tuple[Group, ...]:
    """Return H consecutive groups whose gains, of `_find_gains`, have the largest sum."""
    num, longest = gains.shape
    best = np.full(num + 1, -np.inf)  # of the groups so far, by the coordinate after them
    best[0] = 0
    sizes = np.zeros((horizon, num + 1), np.int64)  # of the last of these groups
    for h in range(horizon):
        found = np.full((longest, num + 1), -np.inf)
        for size in range(1, min(longest, num) + 1):
            found[size - 1, size:] = best[:-size] + gains[: num + 1 - size, size - 1]
        sizes[h], best = found.argmax(0) + 1, found.max(0)
    end, groups = int(best.argmax()), []
    for own in sizes[::-1]:
        size = int(own[end])
        end -= size
        groups.append((end, size))
    return tuple(reversed(groups))


def _find_gains(variance: NDArray[np.float64], bits: float) -> NDArray[np.float64]:
    """Return by how much `bits` lower the error of each group; (P, 16) by first and size - 1."""
    num = len(variance)
    longest = min(LARGEST_GROUP, num)
    gains = np.full((num, longest), -np.inf)
    log = np.concatenate([[0], np.log2(variance).cumsum()])
    total = np.concatenate([[0], variance.cumsum()])
    for size in range(1, longest + 1):
        first = np.arange(num + 1 - size)
        error = np.zeros(len(first))
        for used in range(1, size + 1):  # the largest one is right
            level = np.exp2((log[first + used] - log[first] - 2 * bits) / used)  # D
            left = used * level + total[first + size] - total[first + used]
            error = np.where(variance[first + used - 1] > level, left, error)
        gains[first, size - 1] = total[first + size] - total[first] - error
    return gains


def _find_codewords(rows: NDArray[np.float32], num: int, seed: int) -> NDArray[np.float32]:
    """Return `num` codewords (A, N_h) of rows (N, N_h): all different rows if they are few."""
    different = np.unique(rows, axis=0)
    if len(different) > num:
        found = KMeans(num, init="random", n_init=1, max_iter=ITERATIONS, random_state=seed)
        return found.fit(rows).cluster_centers_.astype(np.float32)
    words = np.zeros((num, rows.shape[1]), np.float32)
    words[: len(different)] = different
    return words
