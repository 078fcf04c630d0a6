"""Checks that training options, policy, environment and data go together."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import Any

from agents.gcgen.config import GCGenConfig
from agents.gcgen.labels import count_classes
from gcgen_env.config import EnvConfig
from gcgen_env.datasets import Dataset


def check_trainable(can_learn: bool, is_trained: bool) -> None:
    """Raise a ValueError if an S-agent without weights is to be trained."""
    if is_trained and not can_learn:
        raise ValueError(
            "the environment's proposer has no weights to train: pass train_s_agent=False, or "
            "s_agent=None for a fresh S-agent"
        )


def warn_of_classes(num_classes: int, training: GCGenConfig) -> None:
    """Warn if a training without classes goes on with a conditional S-agent."""
    if num_classes and training.train_s_agent and training.condition is None:
        # The weights that all classes share move on, the vectors of the classes stay behind.
        warnings.warn(
            f"this S-agent knows {num_classes} classes, and a training without them spoils what it "
            "knows: pass condition='label'",
            stacklevel=2,
        )


def check_policy_class(policy: Any, base: type, names: Collection[str]) -> None:
    """Raise a ValueError unless a policy is one of some names, or a subclass of a class."""
    is_class = isinstance(policy, type) and issubclass(policy, base)
    if not (is_class or (isinstance(policy, str) and policy in names)):
        raise ValueError(
            f"the GC-agent selects among proposals: policy must be {base.__name__!r} or a subclass "
            f"of {base.__name__}, got {policy!r}"
        )


def check_task(config: EnvConfig, data: Dataset, training: GCGenConfig) -> None:
    """Raise a ValueError unless training options fit an environment and its images.

    Its rewards and proposals must be those of the bound.
    """
    if training.condition is not None:
        count_classes(data)
    if training.augment and len(data.shape) != 3:
        raise ValueError(
            f"augment={list(training.augment)} changes images, and the data are points: omit it"
        )
    if config.single_use and training.train_s_agent:
        raise ValueError(
            "an S-agent learns to propose what may be chosen again: make the environment with "
            "single_use=False, or pass train_s_agent=False"
        )
    if config.gamma != 1.0:
        raise ValueError(
            "GCGen minimises the bound, whose rewards are undiscounted: make the environment with "
            f"gamma=1, got {config.gamma:g}"
        )
