"""What an actor-critic policy expects of the algorithm that builds it, checked as it is built."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

_DEPTH = 12  # calls between an algorithm and the constructor of its policy


def check_algorithm(policy_class: type) -> None:
    """Check the algorithm of SB3 that builds a policy now, if one does.

    SB3 passes a policy neither the algorithm nor its discount, so the callers are searched.

    Raises:
        TypeError: If the algorithm needs a value-based policy.
    """
    algorithm: Any = _find_algorithm(policy_class)
    if algorithm is None:
        return
    name = type(algorithm).__name__
    if isinstance(algorithm, OffPolicyAlgorithm):
        raise TypeError(
            f"{policy_class.__name__} is an actor-critic policy, and {name} needs a value-based "
            'one: use MaskableDQN("ProposalPolicy", env), which scores proposals'
        )
    gamma, wanted = getattr(algorithm, "gamma", None), _find_discount(algorithm.env)
    if None not in (gamma, wanted) and gamma != wanted:
        warnings.warn(
            f"{name} discounts with gamma={gamma:g} and the environment's shaping reward with "
            f"{wanted:g}, so the return is not the gain in log-likelihood: pass gamma={wanted:g}",
            UserWarning,
            stacklevel=2,
        )


def _find_algorithm(policy_class: type) -> BaseAlgorithm | None:
    """Return the algorithm whose method builds a policy of a class, if one does."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_DEPTH):
        if frame is None:
            return None
        owner = frame.f_locals.get("self")
        if isinstance(owner, BaseAlgorithm) and owner.policy_class is policy_class:
            return owner
        frame = frame.f_back
    return None


def _find_discount(env: Any) -> float | None:
    """Return the discount of the shaping reward of environments; None if they have no such."""
    config = find_config(env)
    return getattr(config, "gamma", None) if config and config.reward_type == "potential" else None


def find_config(env: Any) -> Any:
    """Return the configuration of the environments of an algorithm; None if they have none."""
    try:
        return env.get_attr("config", [0])[0]
    except AttributeError:  # no environment, or one without a configuration
        return None
