"""The registered tasks: the keyword arguments of every environment id.

The generative tasks have an S-agent or are made for training one. The suite compares
reinforcement-learning algorithms: its proposals are a fixed dictionary, and greedy choices are far
from the best ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gcgen_env.config import EnvConfig

_BY_SIZE: Any = None  # A and H are numbers once the environment has its images
_IMAGES = EnvConfig(sigma=None)  # the other defaults are those for images
GENERATIVE: dict[str, EnvConfig] = {
    "GCGen-Toy2D-v0": EnvConfig(
        dataset="two_moons", num_proposals=8, horizon=6, sigma=0.05,
        proposer="pretrained", success_threshold=0.05,
    ),
    "GCGen-Digits-v0": EnvConfig(
        dataset="digits", num_proposals=16, horizon=8, likelihood="bernoulli",
        proposer="pretrained", success_threshold=0.3,
    ),
    "GCGen-MNIST-v0": EnvConfig(
        dataset="mnist", num_proposals=64, likelihood="bernoulli", proposer="pretrained",
        success_threshold=0.2,
    ),
    "GCGen-FashionMNIST-v0": replace(_IMAGES, dataset="fashion_mnist"),
    "GCGen-Images-v0": replace(_IMAGES, num_proposals=_BY_SIZE, horizon=_BY_SIZE),
}  # fmt: skip
"""Tasks of a generative model."""

_PLANE = EnvConfig(
    dataset="two_moons", num_proposals=4, horizon=8, sigma=0.05, success_threshold=0.02,
    invalid_action="best_prior",
)  # fmt: skip
_DIGITS = EnvConfig(
    dataset="digits", num_proposals=16, horizon=8, success_threshold=0.2,
    invalid_action="best_prior",
)  # fmt: skip
_FINE_TO_COARSE = tuple(0.85 ** (7 - 2 * h) for h in range(8))
"""The dictionary shrinks its atoms by 0.85 at each step; with this rate they grow by 1 / 0.85."""

SUITE: dict[str, EnvConfig] = {
    "GCGen-PlaneReach-v0": _PLANE,
    "GCGen-PlaneFineToCoarse-v0": replace(_PLANE, rate=_FINE_TO_COARSE),
    "GCGen-DigitsAtoms16-v0": _DIGITS,
    "GCGen-DigitsAtoms64-v0": replace(_DIGITS, num_proposals=64, success_threshold=0.15),
    "GCGen-DigitsLogits64-v0": replace(
        _DIGITS, num_proposals=64, likelihood="bernoulli", rate=8.0
    ),
    "GCGen-DigitsOnce-v0": replace(_DIGITS, single_use=True),
    "GCGen-Toggles-v0": EnvConfig(
        dataset="toggles", num_proposals=16, horizon=6, sigma=0.25, initial_state="zeros",
        proposer="toggles", success_threshold=0.1, invalid_action="best_prior",
    ),
    "GCGen-MNISTAtoms-v0": replace(_DIGITS, dataset="mnist", num_proposals=32, horizon=10),
}  # fmt: skip
"""Tasks that tell algorithms apart."""

ENV_CONFIGS: dict[str, EnvConfig] = {**GENERATIVE, **SUITE}
"""Default configuration of every registered id."""

ENV_IDS = tuple(ENV_CONFIGS)
