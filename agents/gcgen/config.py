"""The options of `GCGen` that need checking, and their values."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from agents.gcgen.objectives import OBJECTIVES
from gcgen_env.config import EnvConfig

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SCHEDULES = ("cosine", "constant")
WARM_UPDATES = 100


@dataclass(frozen=True)
class GCGenConfig:
    """How GC-agent and S-agent are trained: keywords of `GCGen`, shared with `gcgen train`."""

    learning_rate: float = 2e-3
    """Learning rate of the S-agent."""
    gc_learning_rate: float = 3e-3
    """Learning rate of the GC-agent's learned score, temperatures and value."""
    gc_objective: Literal[
        "leave_one_out", "expert_iteration", "path_consistency", "policy_gradient"
    ] = "leave_one_out"
    """Objective of the GC-agent's learned terms, a key of `OBJECTIVES`."""
    gc_interval: int = 16
    """Updates of the S-agent for each update of the GC-agent."""
    auxiliary: float = 1.0
    """Weight of the reconstruction terms at intermediate steps; it falls to zero during `learn`."""
    lr_schedule: Literal["cosine", "constant"] = "cosine"
    """Learning-rate schedule: "cosine" falls to zero at the end of `learn`."""
    n_envs: int = 128
    """Number of goals drawn at a time, when `env` is not a vector environment."""
    batch_size: int = 64
    """Trajectories in each gradient step, best a multiple of 8: the leave-one-out objective
    compares gcd(batch_size, 8) trajectories of each goal."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision in which proposals are scored during training; "auto" is the faster one here."""
    train_s_agent: bool = True
    """Train the S-agent; False freezes it, and only the GC-agent learns."""


def check_rates(**rates: Any) -> None:
    """Raise a ValueError that names the first learning rate that is none."""
    for name, rate in rates.items():
        if callable(rate):
            raise ValueError(
                f"{name} must be a number: a callable cannot be saved without pickle; use "
                "lr_schedule='cosine' or 'constant'"
            )
        if not rate >= 0:
            raise ValueError(f"{name} must not be negative, got {rate}")


def check_counts(**counts: int) -> None:
    """Raise a ValueError that names the first count below one."""
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")


def check_options(
    auxiliary: float, lr_schedule: str, gc_objective: str, precision: str, seed: int | None
) -> None:
    """Raise a ValueError that names the first of the other options out of range."""
    if not 0 <= auxiliary < math.inf:
        raise ValueError(f"auxiliary must be finite and not negative, got {auxiliary}")
    _check_choice("lr_schedule", lr_schedule, SCHEDULES)
    _check_choice("gc_objective", gc_objective, OBJECTIVES)
    _check_choice("precision", precision, ("auto", *PRECISIONS))
    if seed is not None and not 0 <= seed < 2**32:
        raise ValueError(f"seed must lie in [0, 2**32), got {seed}")


def _check_choice(name: str, value: Any, known: Collection[str]) -> None:
    """Raise a ValueError unless an option has one of the known values."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")


def check_json(**options: Any) -> None:
    """Raise a ValueError that names the first option a file could not hold."""
    for name, value in options.items():
        try:
            to_json(value)
        except TypeError as error:
            raise ValueError(
                f"{name} must hold JSON values, which can be saved without pickle: {error}"
            ) from error


def to_json(document: Any) -> Any:
    """Return a document as JSON gives it back: NumPy's numbers as numbers, paths as strings.

    Raises:
        TypeError: If it holds anything else that JSON does not know.
    """

    def convert(value: Any) -> Any:
        if isinstance(value, np.generic | np.ndarray):
            return value.tolist()
        if isinstance(value, Path):
            return str(value)
        raise TypeError(f"{type(value).__name__} is not a JSON value")

    return json.loads(json.dumps(document, default=convert))


def learning_rate_factor(schedule: str, progress: float, updates: int) -> float:
    """Return what the learning rate is multiplied by.

    Args:
        schedule: "cosine" falls from 1 to 0 (Loshchilov and Hutter, 2017); "constant" stays.
        progress: Share of the training that is done, in [0, 1].
        updates: Updates made so far; the first hundred warm up linearly.
    """
    warm = min(1.0, (updates + 1) / WARM_UPDATES)
    return warm * (0.5 * (1.0 + math.cos(math.pi * progress)) if schedule == "cosine" else 1.0)


def find_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the precision in which proposals are scored; "auto" is the faster one."""
    if precision != "auto":
        return PRECISIONS[precision]
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if fast else torch.float32


def check_gamma(config: EnvConfig) -> None:
    """Raise unless an environment's rewards are undiscounted: the bound is."""
    if config.gamma != 1.0:
        raise ValueError(
            f"GCGen minimises the bound, whose rewards are undiscounted: make the environment with "
            f"gamma=1, got {config.gamma:g}"
        )
