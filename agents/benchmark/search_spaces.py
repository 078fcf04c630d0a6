"""What `gcgen tune` searches: a range of each hyperparameter, for each algorithm."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

Range = tuple[float, float] | list[Any]
"""A pair (low, high) is drawn log-uniformly between them; a list holds all choices."""
Space = Mapping[str, Range]
"""Ranges by name. What a pair is drawn for may be a pair itself: it is scaled as a whole."""

_PPO: Space = {
    "learning_rate": (1e-4, 3e-3),
    "n_steps": [8, 16, 32, 64],
    "batch_size": [128, 256, 512],
    "n_epochs": [2, 4, 8],
    "gae_lambda": [0.8, 0.9, 0.95, 1.0],
    "ent_coef": [0.0, 1e-4, 1e-3, 1e-2],
    "max_grad_norm": [0.5, 1.0, 2.0],
}
_DEAR_PPO: Space = {**_PPO, "batch_size": [256, 512], "n_epochs": [2, 4]}
_DQN: Space = {
    "learning_rate": (1e-4, 3e-3),
    "batch_size": [128, 256, 512],
    "gradient_steps": [1, 2, 4],
    "target_update_interval": [1_024, 4_096, 16_384],
    "exploration_fraction": [0.1, 0.3, 0.5],
    "exploration_final_eps": [0.01, 0.05, 0.1],
}
SPACES: dict[str, Space] = {
    "PPO": _PPO,
    "MaskablePPO": _PPO,
    "RecurrentPPO": _DEAR_PPO,
    "A2C": {
        "learning_rate": (3e-4, 1e-2),
        "n_steps": [4, 8, 16, 32],
        "gae_lambda": [0.8, 0.9, 0.95, 1.0],
        "ent_coef": [0.0, 1e-4, 1e-3, 1e-2],
        "max_grad_norm": [0.5, 1.0, 2.0],
        "normalize_advantage": [False, True],
    },
    "TRPO": {
        "learning_rate": (3e-4, 1e-2),  # of the critic
        "n_steps": [8, 16, 32, 64],
        "batch_size": [128, 256, 512],
        "n_critic_updates": [5, 10, 20],
        "target_kl": [0.003, 0.01, 0.03],
        "gae_lambda": [0.8, 0.9, 0.95, 1.0],
    },
    "DQN": _DQN,
    "MaskableDQN": _DQN,
    "QRDQN": _DQN,
    "MaskableQRDQN": _DQN,
    "AfterstateDQN": {
        "learning_rate": (2e-4, 3e-3),
        "batch_size": [64, 128, 256],
        "gradient_steps": [2, 3, 5],
        "target_update_interval": [250, 500, 1_000, 2_000],
        "exploration_fraction": [0.3, 0.5, 0.7],
        "exploration_initial_eps": [0.1, 0.3, 1.0],
        "exploration_final_eps": [0.01, 0.03, 0.1],
    },
    "GCGen": {"gc_learning_rate": (1e-3, 3e-2), "batch_size": [16, 32, 64]},
    "maskable_ppo+attention": _DEAR_PPO,
}
"""Search spaces by the class of the algorithm, or by the contestant whose policy is dear."""
_CHOICES = (int, float, str, type(None))  # what JSON and Optuna know


def find_values(
    space: Space, options: Mapping[str, Any], factory: Callable[..., Any]
) -> dict[str, Any]:
    """Return the present value of each hyperparameter of a space.

    Args:
        space: The ranges.
        options: Keywords that are given to the factory.
        factory: A class or function, whose signature has the other values.

    Raises:
        ValueError: If a hyperparameter has no value.
    """
    if not space:
        return {}  # some classes have no signature
    keywords = {name: each.default for name, each in inspect.signature(factory).parameters.items()}
    known = {**keywords, **options}
    for name in space:
        if known.get(name, inspect.Parameter.empty) is inspect.Parameter.empty:
            raise ValueError(f"{name!r} is no keyword with a default value")
    return {name: known[name] for name in space}


def check_space(space: Any) -> None:
    """Raise a ValueError unless an object is a search space."""
    if not isinstance(space, Mapping) or not space:
        raise ValueError(f"expected ranges by name, got {space!r:.99}")
    for name, each in space.items():
        is_pair = isinstance(each, tuple) and len(each) == 2 and all(map(_is_positive, each))
        is_list = isinstance(each, list) and each and all(isinstance(c, _CHOICES) for c in each)
        if not (is_pair and each[0] < each[1]) and not is_list:
            raise ValueError(
                f"{name!r} needs a pair (low, high) or a list of numbers, words, True, False or "
                f"None, got {each!r:.99}"
            )


def is_inside(value: Any, each: Range) -> bool:
    """Return whether a value, or the first of a pair, lies in a range."""
    if isinstance(each, list):
        return value in each
    pair = isinstance(value, list | tuple) and len(value) == 2
    numbers = value if pair else [value]
    return all(map(_is_positive, numbers)) and each[0] <= numbers[0] <= each[1]


def _is_positive(value: Any) -> bool:
    """Return whether a value is a positive finite number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value < math.inf
