"""The batched core: N episodes as arrays, no Python loop over them; no autoreset, no spaces.

The single and the vector environment are wiring around this class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.allocator import keep_freed_memory
from gcgen_env.batching import ALL, Rows, put, take
from gcgen_env.config import EnvConfig, check_count
from gcgen_env.goals import CUSTOM_GOAL
from gcgen_env.model.build import make_chain, make_goals
from gcgen_env.model.chain import Chain
from gcgen_env.proposal_cache import Offers, make_offers
from gcgen_env.rewards import GoalReward, check_goals, read_steps
from gcgen_env.spaces import LOG_PRIOR_FLOOR

RESET_OPTIONS = ("goal_index", "goal", "initial_state")


class Transition(NamedTuple):
    """What one step of a batch of rows returns, besides the new observations."""

    reward: NDArray[np.float64]
    """(K,)."""
    terminated: NDArray[np.bool_]
    """(K,), true once h = H."""


class Core:
    """State of N episodes and the pure functions that move it.

    Any subset of the rows can be reset or stepped. What a state costs is computed once: its
    proposals when it is reached, its potential and distance beside its image.
    """

    def __init__(self, config: EnvConfig, num_envs: int) -> None:
        """Build the parts and allocate the state.

        Args:
            config: What to build.
            num_envs: N.

        Raises:
            ValueError: If N or the device is none, or the parts do not fit.
        """
        check_count("num_envs", num_envs, 1, "a batch needs a row")
        keep_freed_memory()
        self.config = config
        self.num_envs = int(num_envs)
        self.device = torch.device(resolve_device(config.device))
        self.chain: Chain = make_chain(config, self.device)
        self.goals = make_goals(config)
        self.reward = GoalReward(
            self.chain.likelihood, config.reward_type, config.success_threshold, config.gamma
        )
        self.shape = self.goals.dataset.shape
        self._allocate()

    def _allocate(self) -> None:
        """Make the arrays of the state, as they are before the first reset."""
        n, s = self.num_envs, self.shape
        self._index = np.arange(n)
        self.canvas = self.chain.dynamics.start(n)
        self.previous_canvas = self.canvas.clone()
        self.step_index = np.zeros(n, dtype=np.int64)
        self.goal = np.zeros((n, *s), dtype=np.float32)
        self.goal_index = np.zeros(n, dtype=np.int64)
        self.image = np.zeros((n, *s), dtype=np.float32)
        self.previous_image = np.zeros((n, *s), dtype=np.float32)
        self.potential = np.zeros(n)
        self.distance = np.zeros(n)
        self.invalid = np.zeros(n, dtype=bool)
        config = self.config
        self.offers: Offers = make_offers(config.obs_mode, n, config.num_proposals, self.device)

    @torch.no_grad()
    def reset(self, rng: np.random.Generator, options: Mapping[str, Any], rows: Rows = ALL) -> None:
        """Begin a new episode in some rows.

        Args:
            rng: Makes every draw.
            options: May force "goal_index", "goal" or "initial_state": one value for all rows,
                or one for each of them.
            rows: Which rows.

        Raises:
            ValueError: If an option is unknown or does not fit.
        """
        unknown = set(options) - set(RESET_OPTIONS)
        if unknown:
            raise ValueError(
                f"unknown reset option {sorted(unknown)[0]!r}; known: {', '.join(RESET_OPTIONS)}"
            )
        num = len(self._index[rows])
        index, goal = self._draw_goals(rng, num, options)
        canvas = self.chain.dynamics.start(num)
        if options.get("initial_state") is not None:
            image = self.goals.check(options["initial_state"], num, "initial_state")
            canvas = self.chain.likelihood.to_canvas(torch.from_numpy(image)).to(self.device)
        self.goal_index[rows], self.goal[rows] = index, goal
        self._place(rows, canvas, self.chain.likelihood.mean(canvas).cpu().numpy())
        self.previous_image[rows] = self.image[rows]
        self.step_index[rows] = 0
        self.invalid[rows] = False
        self._offer(rows, alike=options.get("initial_state") is None)

    @torch.no_grad()
    def step(self, action: NDArray[np.int64], rows: Rows = ALL) -> Transition:
        """Add the chosen proposals in some rows.

        An invalid action leaves the state where it is and advances the step.

        Args:
            action: Indices of proposals, shape (K,), each in [0, A).
            rows: Which rows, K of them, each with h < H.

        Returns:
            Rewards and ends of these rows.
        """
        invalid = ~self.offers.mask[take(self._index, rows), action]
        x, shown = take(self.canvas, rows), take(self.image, rows)
        step = take(self.step_index, rows)
        step_next = step + 1
        canvas, image = self.offers.follow(self.chain, rows, action, x, shown, step)
        if invalid.any():
            canvas[invalid], image[invalid] = x[invalid], shown[invalid]
        phi = take(self.potential, rows)
        self.previous_canvas = put(self.previous_canvas, rows, x)
        self.previous_image = put(self.previous_image, rows, shown)
        self._place(rows, canvas, image)
        self.invalid[rows] = invalid
        self.step_index = put(self.step_index, rows, step_next)
        self._offer(rows)
        phi_next, distance = take(self.potential, rows), take(self.distance, rows)
        reward = self.reward.combine(phi, phi_next, distance)
        return Transition(reward, step_next == self.config.horizon)

    def observe(self, rows: Rows = ALL) -> dict[str, NDArray[Any]]:
        """Return the observations of some rows, every array with its own memory."""
        image = take(self.image, rows)
        obs: dict[str, NDArray[Any]] = {
            "achieved_goal": image.copy(),
            "action_mask": take(self.offers.mask, rows).astype(np.int8),
            "desired_goal": self.goal[rows].copy(),
            "log_prior": take(self.offers.log_prior, rows).clip(LOG_PRIOR_FLOOR, 0.0),
            "observation": image.copy(),
        }
        if self.config.obs_mode == "pixels":
            obs["proposals"] = self.offers.draw(self.chain, rows, image)
        obs["step"] = self.step_index[rows, None].astype(np.float32) / self.config.horizon
        return obs  # in the order of the space's keys

    def describe(self) -> dict[str, NDArray[Any]]:
        """Return the infos of all rows; to be copied, for they are the core's own arrays."""
        return {
            "is_success": self.reward.is_success(self.distance),
            "distance": self.distance,
            "potential": self.potential,
            "goal_index": self.goal_index,
            "action_mask": self.offers.mask.view(np.int8),
            "invalid_action": self.invalid,
            "previous_achieved_goal": self.previous_image,
            "step": self.step_index,
        }

    def compute_reward(
        self, achieved_goal: Any, desired_goal: Any, info: Any
    ) -> NDArray[np.float64] | float:
        """Compute rewards for any achieved and desired goals; pure.

        Args:
            achieved_goal: One image (*S), or a batch (B, *S).
            desired_goal: The same shape.
            info: One dict, or a list or object array of B dicts.

        Returns:
            A float for one image, else float64 (B,).

        Raises:
            ValueError: If shapes do not fit, or the potential reward lacks its previous image.
        """
        achieved, desired, single = check_goals(achieved_goal, desired_goal, self.shape)
        reward = self.reward.compute_from_info(achieved, desired, info)
        return float(reward[0]) if single else reward

    def compute_terminated(
        self, achieved_goal: Any, desired_goal: Any, info: Any
    ) -> NDArray[np.bool_] | bool:
        """Return whether h = H, read from `info["step"]`; never depends on the goals."""
        achieved, _, single = check_goals(achieved_goal, desired_goal, self.shape)
        steps = read_steps(info, len(achieved))
        over = np.zeros(len(achieved), bool) if steps is None else steps >= self.config.horizon
        return bool(over[0]) if single else over

    def compute_truncated(
        self, achieved_goal: Any, desired_goal: Any, info: Any
    ) -> NDArray[np.bool_] | bool:
        """Return False: the horizon belongs to the task, nothing is cut short."""
        achieved, _, single = check_goals(achieved_goal, desired_goal, self.shape)
        return False if single else np.zeros(len(achieved), dtype=bool)

    @torch.no_grad()
    def compute_proposals(self, observation: Any, step: Any) -> NDArray[np.float32]:
        """Compute what is proposed in any states, from their images; pure.

        Args:
            observation: Images m(x), shape (B, *S).
            step: h / H, shape (B,).

        Returns:
            Images of the next states, shape (B, A, *S); of an ended episode, the last one.

        Raises:
            ValueError: If shapes do not fit.
        """
        image = np.asarray(observation, dtype=np.float32)
        progress = np.asarray(step, dtype=np.float32)
        if image.shape != (*progress.shape, *self.shape) or progress.ndim != 1:
            raise ValueError(
                f"expected images (B, {str(self.shape)[1:]} and as many steps, got {image.shape} "
                f"and {progress.shape}"
            )
        if not ((progress >= 0) & (progress <= 1)).all():
            raise ValueError("step must be h / H, between 0 and 1, as observations have it")
        h = torch.from_numpy(progress * self.config.horizon).round().long().to(self.device)
        over = h >= self.config.horizon
        x = self.chain.likelihood.to_canvas(torch.from_numpy(image).to(self.device))
        h = h.clamp_max(self.config.horizon - 1)
        delta, _ = self.chain.propose(x, h)
        reached = self.chain.dynamics.advance(x.unsqueeze(1), delta, h)
        reached = torch.where(over.view(-1, *[1] * (delta.ndim - 1)), x.unsqueeze(1), reached)
        return self.chain.likelihood.mean(reached).cpu().numpy()

    def _draw_goals(
        self, rng: np.random.Generator, num: int, options: Mapping[str, Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the indices and images of the next goals, drawn or forced."""
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

    def _place(self, rows: Rows, canvas: Tensor, image: NDArray[np.float32]) -> None:
        """Put some rows on canvases and their images, and measure how far the goals are."""
        self.canvas = put(self.canvas, rows, canvas)
        self.image = put(self.image, rows, image)
        potential, distance = self.reward.measure(image, take(self.goal, rows))
        self.potential = put(self.potential, rows, potential)
        self.distance = put(self.distance, rows, distance)

    def _offer(self, rows: Rows, alike: bool = False) -> None:
        """Bring the offers of some rows up to date; rows `alike` share a state."""
        over = take(self.step_index, rows) == self.config.horizon
        if over.any():
            index = self._index[rows]
            self.offers.close(self.chain, index[over], self.image[index[over]])
            rows = index[~over]
        x, step = take(self.canvas, rows), take(self.step_index, rows)
        if len(step):
            self.offers.renew(self.chain, rows, x, step, alike)


def resolve_device(name: str) -> str:
    """Return "cuda" or "cpu" for "auto", else the name itself.

    Raises:
        ValueError: If it is no device of torch, or a CUDA device that is not there.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device must be 'cpu', 'cuda', 'cuda:0' or 'auto', got {name!r}"
        ) from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name!r}: no CUDA device is available; use 'cpu' or 'auto'")
    return str(name)
