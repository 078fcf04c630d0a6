"""A task of three steps and three proposals, whose A^H paths are enumerated."""

import math

import numpy as np

from agents import GCGenVecEnv
from gcgen_env import GCGenVectorEnv

A, H, SIGMA = 3, 3, 0.08
RATE = (0.15, 0.3, 0.45)  # growing steps make greedy choices bad; no canvas leaves [0, 1]
SCALE = 0.1
"""Reward of one nat."""
START = np.full(2, 0.5)
GOALS = np.float32([[0.68, 0.47], [0.4, 0.72], [0.53, 0.56], [0.78, 0.61]])
"""Images of two pixels, shape (4, 2)."""
ATOMS = 0.5 * np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
"""The dictionary's first three atoms of two values: two constants and a difference."""


def make_tiny(num_envs):
    """Make the environments for SB3."""
    options = {"num_proposals": A, "horizon": H, "rate": RATE, "sigma": SIGMA}
    return GCGenVecEnv(
        GCGenVectorEnv(
            num_envs,
            dataset=GOALS.reshape(-1, 1, 1, 2),
            autoreset_mode="SameStep",
            initial_state=START.reshape(1, 1, 2),
            reward_scale=SCALE,
            **options,
        )
    )


def step(canvas, h, action):
    """Return the next canvas, shape (2,)."""
    return canvas + RATE[h] * 0.85**h * ATOMS[action]


def compute_potential(canvas, goal):
    """Return log p(g | x) up to its constant, in nats."""
    return -np.square(goal - np.clip(canvas, 0, 1)).sum() / (2 * SIGMA**2)


def compute_values(canvas, h, goal):
    """Return the largest sum of gains from step h on, in nats, by enumeration."""
    if h == H:
        return 0.0
    best = -math.inf
    for action in range(A):
        after = step(canvas, h, action)
        gain = compute_potential(after, goal) - compute_potential(canvas, goal)
        best = max(best, gain + compute_values(after, h + 1, goal))
    return best
