"""What a trial needs of whatever is trained, and `GCGen` in that shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback

from agents import GCGen, NLLReport

_FOREVER = 10**12


class Contender(Protocol):
    """A model of images that is trained for a time and bounds the likelihood of images."""

    @property
    def images_seen(self) -> int:
        """Images trained on, with repetition."""
        ...

    @property
    def updates(self) -> int:
        """Gradient steps."""
        ...

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train, calling `on_update` after every update."""

    def evaluate_nll(self, images: NDArray[np.float32], num_paths: int, seed: int) -> NLLReport:
        """Bound -log p of images, binarised by `seed`."""
        ...

    def get_weights(self) -> dict[str, Any]:
        """Return a copy of the weights."""
        ...

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Put such a copy back."""


class Agents:
    """The two agents of `GCGen`, with or without a search at encoding time."""

    def __init__(self, model: GCGen) -> None:
        """Note the model."""
        self.model = model
        self.search: dict[str, Any] = {}

    @property
    def images_seen(self) -> int:
        """Trajectories rolled out for the S-agent."""
        return self.model.num_timesteps // self.model.s_agent.chain.horizon

    @property
    def updates(self) -> int:
        """Gradient steps of the S-agent."""
        return self.model._n_updates

    def learn(self, max_minutes: float, on_update: Callable[[], None]) -> None:
        """Train, calling `on_update` after every round."""
        self.model.learn(_FOREVER, _Hook(on_update), None, max_minutes=max_minutes)

    def evaluate_nll(self, images: NDArray[np.float32], num_paths: int, seed: int) -> NLLReport:
        """Bound -log p_S of images, binarised by `seed`."""
        return self.model.evaluate_nll(images, num_paths, seed, **self.search)

    def get_weights(self) -> dict[str, Any]:
        """Return a copy of both agents' weights."""
        return {
            name: {key: value.clone() for key, value in module.state_dict().items()}
            for name, module in self._modules()
        }

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Put such a copy back."""
        for name, module in self._modules():
            module.load_state_dict(weights[name])

    def count_live(self, images: NDArray[np.float32]) -> float:
        """Count the proposals that encode a tenth of their share of images, mean over steps."""
        codes = self.model.encode(images)
        num = self.model.s_agent.network.num_proposals
        used = np.stack([np.bincount(column, minlength=num) for column in codes.T])
        return float((used >= 0.1 * len(codes) / num).sum(1).mean())

    def _modules(self) -> Any:
        """Return what has weights, by name."""
        return ("s_agent", self.model.s_agent.network), ("policy", self.model.policy)


class _Hook(BaseCallback):
    """Calls a function after every round of updates."""

    def __init__(self, function: Callable[[], None]) -> None:
        """Note the function."""
        super().__init__()
        self.function = function

    def _on_step(self) -> bool:
        """Let training go on."""
        return True

    def _on_rollout_end(self) -> None:
        """Call it."""
        self.function()
