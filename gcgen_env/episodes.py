"""N episodes as arrays: reset, step and observe; no autoreset and no spaces.

The single and the vector environment wrap this class in Gymnasium's interfaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.config import EnvConfig, check_count
from gcgen_env.goals import CUSTOM_GOAL, make_goals
from gcgen_env.model.build import make_chain, open_data
from gcgen_env.proposal_cache import ALL, Subset, make_cache
from gcgen_env.rewards import REWARDS, Reward, measure
from gcgen_env.spaces import LOG_PRIOR_FLOOR

RESET_OPTIONS = ("goal_index", "goal", "initial_state")
Table = TypeVar("Table", Tensor, NDArray[np.float32], NDArray[np.float64], NDArray[np.int64])


class Transition(NamedTuple):
    """What one step of K episodes returns, besides the new observations."""

    reward: NDArray[np.float64]
    """Rewards, shape (K,)."""
    terminated: NDArray[np.bool_]
    """Whether h = H, shape (K,)."""


class Episodes:
    """State of N episodes, any subset of which can be reset or stepped.

    What depends on a state is computed once, when the state is reached: its proposals, its
    potential and its distance to the goal.
    """

    def __init__(self, config: EnvConfig, num_envs: int) -> None:
        """Build the parts and allocate the state.

        Args:
            config: What to build.
            num_envs: N.

        Raises:
            ValueError: If `num_envs` or `device` is invalid, or the parts do not fit.
        """
        check_count("num_envs", num_envs, 1, "a batch needs an environment")
        self.config = config
        self.num_envs = int(num_envs)
        self.device = torch.device(resolve_device(config.device))
        self.data = open_data(config)
        self.chain = make_chain(config, self.data, self.device)
        self.goals = make_goals(config, self.data)
        self.reward: Reward = REWARDS[config.reward_type](config, self.chain.likelihood)
        self.shape = self.goals.dataset.shape
        self._allocate()

    def _allocate(self) -> None:
        """Make the arrays of the state before the first reset."""
        n, s = self.num_envs, self.shape
        self._index = np.arange(n)  # (N,)
        self.canvas = self.chain.dynamics.start(n)  # (N, *S), on the device
        self.previous_canvas = self.canvas.clone()  # for rendering only
        self.step_index = np.zeros(n, dtype=np.int64)  # h
        self.goal = np.zeros((n, *s), dtype=np.float32)
        self.goal_index = np.zeros(n, dtype=np.int64)
        self.image = np.zeros((n, *s), dtype=np.float32)  # m(x)
        self.previous_image = np.zeros((n, *s), dtype=np.float32)  # before the last step
        self.potential = np.zeros(n)  # nats
        self.distance = np.zeros(n)  # image units
        self.invalid = np.zeros(n, dtype=bool)  # whether the last action was invalid
        config = self.config
        self.cache = make_cache(self.chain, config.obs_mode, n, config.num_proposals)

    @torch.no_grad()
    def reset(
        self, rng: np.random.Generator, options: Mapping[str, Any], subset: Subset = ALL
    ) -> None:
        """Begin new episodes.

        Args:
            rng: Makes every draw.
            options: May set "goal_index", "goal" or "initial_state": one value for all of these
                episodes, or one for each of them.
            subset: Which of the N episodes.

        Raises:
            ValueError: If an option is unknown or does not fit.
        """
        unknown = set(options) - set(RESET_OPTIONS)
        if unknown:
            raise ValueError(
                f"unknown reset option {sorted(unknown)[0]!r}; known: {', '.join(RESET_OPTIONS)}"
            )
        num = len(self._index[subset])  # K
        index, goal = self._draw_goals(rng, num, options)  # (K,), (K, *S)
        canvas = self.chain.dynamics.start(num)  # (K, *S)
        if options.get("initial_state") is not None:
            image = self.goals.check(options["initial_state"], num, "initial_state")
            canvas = self.chain.likelihood.to_canvas(torch.from_numpy(image)).to(self.device)
        self.goal_index[subset], self.goal[subset] = index, goal
        self._place(subset, canvas, self.chain.likelihood.mean(canvas).cpu().numpy())
        self.previous_image[subset] = self.image[subset]  # a reset has no state before it
        self.step_index[subset] = 0
        self.invalid[subset] = False
        self._update_cache(subset, same_state=options.get("initial_state") is None)

    @torch.no_grad()
    def step(self, action: NDArray[np.int64], subset: Subset = ALL) -> Transition:
        """Add the chosen proposals.

        An invalid action leaves the canvas unchanged and advances the step.

        Args:
            action: Indices of proposals, shape (K,), each in [0, A).
            subset: Which K of the N episodes, each with h < H.

        Returns:
            Rewards and ends of these episodes.
        """
        invalid = ~self.cache.mask[_take(self._index, subset), action]  # (K,)
        x, image = _take(self.canvas, subset), _take(self.image, subset)  # (K, *S) both
        phi, step = _take(self.potential, subset), _take(self.step_index, subset)  # (K,) both
        canvas_next, image_next = self.cache.follow(subset, action, x, image, step)
        if invalid.any():
            canvas_next[invalid], image_next[invalid] = x[invalid], image[invalid]
        self.previous_canvas = _put(self.previous_canvas, subset, x)
        self.previous_image = _put(self.previous_image, subset, image)
        self._place(subset, canvas_next, image_next)
        self.invalid[subset] = invalid
        self.step_index = _put(self.step_index, subset, step + 1)  # `step` itself stays h
        self._update_cache(subset)
        phi_next, distance = _take(self.potential, subset), _take(self.distance, subset)
        reward = self.reward.of_step(phi, phi_next, distance)
        return Transition(reward, step + 1 == self.config.horizon)

    def observe(self, subset: Subset = ALL) -> dict[str, NDArray[Any]]:
        """Return the observations of some episodes, in new arrays."""
        image = _take(self.image, subset)
        obs: dict[str, NDArray[Any]] = {
            "achieved_goal": image.copy(),  # a user may overwrite it
            "action_mask": _take(self.cache.mask, subset).astype(np.int8),
            "desired_goal": self.goal[subset].copy(),
            "log_prior": _take(self.cache.log_prior, subset).clip(LOG_PRIOR_FLOOR, 0.0),
            "observation": image.copy(),
        }
        if self.config.obs_mode == "pixels":
            obs["proposals"] = self.cache.draw(subset, image)
        obs["step"] = self.step_index[subset, None].astype(np.float32) / self.config.horizon
        return obs  # in the order of the space's keys

    def describe(self) -> dict[str, NDArray[Any]]:
        """Return the infos of all episodes: the arrays of the state themselves, to be copied."""
        return {
            "is_success": self.distance <= self.config.success_threshold,
            "distance": self.distance,
            "potential": self.potential,
            "goal_index": self.goal_index,
            "action_mask": self.cache.mask.view(np.int8),  # (N, A), a view
            "invalid_action": self.invalid,
            "previous_achieved_goal": self.previous_image,
            "step": self.step_index,
        }

    def _draw_goals(
        self, rng: np.random.Generator, num: int, options: Mapping[str, Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the indices and images of the next goals, as drawn or as set by options."""
        if options.get("goal") is not None:
            if options.get("goal_index") is not None:
                raise ValueError("reset options 'goal' and 'goal_index' exclude each other")
            return np.full(num, CUSTOM_GOAL), self.goals.check(options["goal"], num)
        if options.get("goal_index") is not None:
            try:
                index = np.broadcast_to(np.asarray(options["goal_index"]), (num,)).copy()
            except ValueError as error:
                raise ValueError(f"goal_index must be one integer or {num} of them") from error
            return index, self.goals.take(index, rng)
        return self.goals.sample(num, rng)

    def _place(self, subset: Subset, canvas: Tensor, image: NDArray[np.float32]) -> None:
        """Set canvases and images, and measure how far they are from the goals."""
        self.canvas = _put(self.canvas, subset, canvas)
        self.image = _put(self.image, subset, image)
        potential, distance = measure(self.chain.likelihood, image, _take(self.goal, subset))
        self.potential = _put(self.potential, subset, potential)
        self.distance = _put(self.distance, subset, distance)

    def _update_cache(self, subset: Subset, same_state: bool = False) -> None:
        """Compute the proposals of some episodes; `same_state` if their states are the same."""
        over = _take(self.step_index, subset) == self.config.horizon  # (K,)
        if over.any():
            index = self._index[subset]
            self.cache.close(index[over], self.image[index[over]])
            subset = index[~over]  # empty if all have ended
        canvas, step = _take(self.canvas, subset), _take(self.step_index, subset)
        if len(step):  # the network needs at least one state
            self.cache.update(subset, canvas, step, same_state)


def _take(table: Table, subset: Subset) -> Table:
    """Return some entries of a table; if `subset` is ALL, the table itself, without a copy."""
    return table if subset is ALL else table[subset]


def _put(table: Table, subset: Subset, new: Table) -> Table:
    """Return a table with new entries; if `subset` is ALL, `new` itself, without a copy."""
    if subset is ALL:
        return new
    table[subset] = new
    return table


def resolve_device(name: str) -> str:
    """Return "cuda" or "cpu" for "auto", else the name itself.

    Raises:
        ValueError: If torch has no such device, or there is no CUDA device here.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:  # raised by torch for unknown names
        raise ValueError(
            f"device must be 'cpu', 'cuda', 'cuda:0' or 'auto', got {name!r}"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name!r}: no CUDA device is available; use 'cpu' or 'auto'")
    return str(name)
