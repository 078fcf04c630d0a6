"""Stable-Baselines3's `VecEnv` for goals alone: the source of the training images of `GCGen`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from agents.common.augmentation import augment
from agents.common.epoch_order import EpochOrder
from gcgen_env.goals import GoalSampler


class GoalVecEnv(VecEnv):
    """What SB3 needs from the environment of a model that makes its own roll-outs.

    It has spaces, a number of trajectories and a seeded source of goals, and cannot be stepped.
    """

    def __init__(
        self,
        goals: GoalSampler,
        num: int,
        observation_space: spaces.Dict,
        num_proposals: int,
        replacement: bool = True,
    ) -> None:
        """Store the source of goals; `num` of them are drawn at a time, see `EpochOrder`."""
        self.goals, self.replacement = goals, replacement
        self._begin_draws(None)  # until `seed` is called
        self.render_mode = None  # before `super`, which reads it through `get_attr`
        super().__init__(num, observation_space, spaces.Discrete(num_proposals))

    def sample_images(self, kinds: Collection[str] = ()) -> NDArray[np.float32]:
        """Draw the images of goals, shape (num, *S), grey if the data are; see `augment`."""
        return self.take_images(self.sample_index(), kinds)

    def sample_index(self) -> NDArray[np.int64]:
        """Draw the indices of images of goals, shape (num,)."""
        if self.order is not None:
            return self.order.draw(self.num_envs)
        return self.goals.sample_index(self.num_envs, self.rng)

    def _begin_draws(self, seed: int | None) -> None:
        """Make the generator of a seed, and an order of the images if each comes once."""
        self.rng, self.order = np.random.default_rng(seed), None
        if not self.replacement:  # only then, as it draws
            self.order = EpochOrder(len(self.goals.dataset), int(self.rng.integers(2**62)))

    @property
    def draws_state(self) -> dict[str, Any]:
        """State of all draws: that of the generator, and the place in an epoch, if there are any.

        With it set, the same goals come again.
        """
        epochs = {} if self.order is None else {"epochs": self.order.state}
        return {**self.rng.bit_generator.state, **epochs}

    @draws_state.setter
    def draws_state(self, state: dict[str, Any]) -> None:
        self.rng.bit_generator.state = {k: v for k, v in state.items() if k != "epochs"}
        if self.order is not None and "epochs" in state:
            self.order = EpochOrder(self.order.num, **state["epochs"])

    def take_images(
        self, index: NDArray[np.int64], kinds: Collection[str] = ()
    ) -> NDArray[np.float32]:
        """Return images by their indices, with random changes; see `sample_images`."""
        data = self.goals.dataset
        return augment(data.take(index), kinds, self.rng, data.low, data.high)

    def make_goals(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Make goals of images, shape (num, *S): binarised, if the environment does so."""
        return self.goals.prepare(images, self.rng)

    def seed(self, seed: int | None = None) -> Any:
        """Draw goals from this seed on, at once: a checkpoint keeps the generator's state."""
        seeds = super().seed(seed)
        self._begin_draws(self._seeds[0])
        return seeds

    def reset(self) -> Any:
        """Return an observation without keys; the order of goals goes on."""
        return {}

    def step_async(self, actions: NDArray[Any]) -> None:
        """Raise an error."""
        raise RuntimeError(_NO_STEP)

    def step_wait(self) -> Any:
        """Raise an error."""
        raise RuntimeError(_NO_STEP)

    def close(self) -> None:
        """Do nothing."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of this object, once for each index."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Raise an error."""
        raise RuntimeError(_NO_STEP)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        """Raise an error."""
        raise RuntimeError(_NO_STEP)

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return False: there are no wrappers."""
        return [False for _ in self._get_indices(indices)]


_NO_STEP = (
    "this model makes its roll-outs without an environment; model.get_env() returns an environment "
    "whose proposer is the model's S-agent"
)
