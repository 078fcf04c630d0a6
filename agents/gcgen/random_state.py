"""The state of the random generators of a `GCGen` model, which a checkpoint keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from agents.common.epoch_order import check_epochs


@dataclass(frozen=True, eq=False)
class RandomState:
    """What makes a resumed training draw as if it had never stopped."""

    choices: Tensor
    """State of the generator of actions, uint8, on the CPU."""
    goals: dict[str, Any] | None
    """State of NumPy's generator of goals, as the round began; None without an environment."""

    @classmethod
    def of(cls, model: Any) -> RandomState:
        """Read the generators of a model."""
        return cls(model._generator.get_state(), model.goals_state)

    def restore(self, model: Any) -> None:
        """Set the generators of a model; that of the goals as soon as it has an environment.

        Raises:
            ValueError: If the state is damaged.
        """
        if self.goals is not None:
            check_goals_state(self.goals)
        try:
            model._generator.set_state(self.choices)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"the state of the random generator is damaged: {error}") from error
        model._round_goals = self.goals


def check_goals_state(state: Any) -> None:
    """Raise a ValueError unless a state fits NumPy's default generator."""
    try:
        np.random.default_rng().bit_generator.state = state
        if "epochs" in state:
            check_epochs(state["epochs"])
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise ValueError(f"the state of the goals' generator is damaged: {error}") from error
