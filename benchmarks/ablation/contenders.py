"""The interface of the models that a trial compares, and its implementation for `GCGen`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from agents import GCGen, NLLReport

UNLIMITED = 10**12
"""Timesteps of a run that is limited by time."""


class Contender(Protocol):
    """A generative model that can be trained for some time and evaluated."""

    @property
    def images_seen(self) -> int:
        """Number of training images so far, repetitions included."""
        ...

    @property
    def updates(self) -> int:
        """Number of gradient steps so far."""
        ...

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train, and call `on_update` after every update."""

    def evaluate_nll(self, images: NDArray[np.float32], num_paths: int, seed: int) -> NLLReport:
        """Bound -log p of images; `seed` also determines their binarisation."""
        ...

    def get_weights(self) -> dict[str, Any]:
        """Return a copy of the weights."""
        ...

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Restore a copy of the weights."""


class Agents:
    """The two agents of `GCGen`."""

    def __init__(self, model: GCGen) -> None:
        """Wrap a model."""
        self.model = model

    @property
    def images_seen(self) -> int:
        """Number of trajectories that the S-agent was trained on."""
        return self.model.num_timesteps // self.model.s_agent.chain.horizon

    @property
    def updates(self) -> int:
        """Number of gradient steps of the S-agent."""
        return self.model._n_updates

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train, and call `on_update` after every iteration of `GCGen.learn`."""
        self.model.learn(UNLIMITED, OnRolloutEnd(on_update), None, max_minutes=max_minutes)

    def evaluate_nll(
        self, images: NDArray[np.float32], num_paths: int, seed: int, **search: Any
    ) -> NLLReport:
        """Bound -log p_S of images; `search` holds further keywords of `GCGen.evaluate_nll`."""
        return self.model.evaluate_nll(images, num_paths, seed, **search)

    def get_weights(self) -> dict[str, Any]:
        """Return a copy of the weights of both agents."""
        return {
            name: {key: value.clone() for key, value in module.state_dict().items()}
            for name, module in self._modules()
        }

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Restore a copy of the weights."""
        for name, module in self._modules():
            module.load_state_dict(weights[name])

    def count_live(self, images: NDArray[np.float32]) -> float:
        """Count the proposals that are used, averaged over steps.

        A proposal counts as used if it encodes at least a tenth of N / A of the N images.
        """
        codes = self.model.encode(images)
        num = self.model.s_agent.network.num_proposals
        used = np.stack([np.bincount(column, minlength=num) for column in codes.T])
        return float((used >= 0.1 * len(codes) / num).sum(1).mean())

    def _modules(self) -> tuple[tuple[str, nn.Module], ...]:
        """Return the networks by name."""
        return ("s_agent", self.model.s_agent.network), ("policy", self.model.policy)


class OnRolloutEnd(BaseCallback):
    """Calls a function at the end of every rollout."""

    def __init__(self, function: Callable[[], None]) -> None:
        """Store the function."""
        super().__init__()
        self.function = function

    def _on_step(self) -> bool:
        """Continue training."""
        return True

    def _on_rollout_end(self) -> None:
        """Call the function."""
        self.function()
