"""Rounds of goals: their batches and classes, and the state from which a round begins again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.gcgen.config import GCGenConfig
from agents.gcgen.labels import take_labels


class GoalRounds:
    """The part of `GCGen` that divides rounds of goals into batches."""

    config: GCGenConfig
    device: torch.device
    env: Any
    seed: int | None
    is_resumable: bool = False
    """Whether this is the first roll-out of a round: training can stop here, and go on exactly."""
    _n_updates: int
    _round_goals: dict[str, Any] | None = None  # state of the goals' generator; None between rounds

    @property
    def goals_state(self) -> dict[str, Any] | None:
        """State of the generator of goals as the round began; None without an environment."""
        if self._round_goals is None and self.env is not None:
            return self.env.draws_state
        return self._round_goals

    def _begin_round(self) -> None:
        """Make the goals of an interrupted round come again."""
        if self._round_goals is not None:
            self.env.draws_state = self._round_goals
        self._round_goals = self.env.draws_state
        self.is_resumable = True

    def _next_seed(self) -> int | None:
        """Return the seed of further training, which does not repeat the goals so far."""
        return None if self.seed is None else (self.seed + self._n_updates) % 2**32

    def _split(self, goals: NDArray[np.float32]) -> tuple[Tensor, ...]:
        """Split goals (n_envs, *S) into batches."""
        return torch.from_numpy(goals).to(self.device).split(self.config.update_size)

    def _split_labels(self, index: NDArray[np.int64], num: int) -> Sequence[Tensor | None]:
        """Return the classes of the items in `num` batches, or None for each batch."""
        if self.config.condition is None:
            return [None] * num
        labels = take_labels(self.env.goals.dataset, index, self.env.rng)  # again after a stop
        return torch.from_numpy(labels).split(self.config.update_size)
