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
from gcgen_env.chain import Chain
from gcgen_env.config import EnvConfig, check_count
from gcgen_env.factory import make_chain, make_dataset
from gcgen_env.goals import CUSTOM_GOAL, GoalSampler
from gcgen_env.rewards import GoalReward, check_goals, compute_distance, read_steps
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

    Rows are always addressed by an index array, so that any subset can be reset or stepped.
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
        self.goals = GoalSampler(
            make_dataset(config), config.likelihood == "bernoulli" and config.binarize
        )
        self.reward = GoalReward(
            self.chain.likelihood, config.reward_type, config.success_threshold, config.gamma
        )
        self.shape = self.goals.dataset.shape
        self._allocate()

    def _allocate(self) -> None:
        """Make the arrays of the state, as they are before the first reset."""
        n, a, s = self.num_envs, self.config.num_proposals, self.shape
        self.canvas = self.chain.dynamics.start(n)
        self.previous_canvas = self.canvas.clone()
        self.step_index = np.zeros(n, dtype=np.int64)
        self.goal = np.zeros((n, *s), dtype=np.float32)
        self.goal_index = np.zeros(n, dtype=np.int64)
        self.image = np.zeros((n, *s), dtype=np.float32)
        self.previous_image = np.zeros((n, *s), dtype=np.float32)
        self.log_prior = np.full((n, a), -np.log(a), dtype=np.float32)
        self.mask = np.ones((n, a), dtype=bool)
        self.invalid = np.zeros(n, dtype=bool)
        self.next_canvas: Tensor | None = None
        self.proposals: NDArray[np.float32] | None = None
        if self.config.obs_mode == "pixels":
            self.next_canvas = torch.zeros(n, a, *s, device=self.device)
            self.proposals = np.zeros((n, a, *s), dtype=np.float32)

    @property
    def rows(self) -> NDArray[np.int64]:
        """All row indices."""
        return np.arange(self.num_envs)

    def reset(
        self, rng: np.random.Generator, rows: NDArray[np.int64], options: Mapping[str, Any]
    ) -> None:
        """Begin a new episode in some rows.

        Args:
            rng: Makes every draw.
            rows: Which rows, shape (K,).
            options: May force "goal_index", "goal" or "initial_state": one value for all rows,
                or one for each of them.

        Raises:
            ValueError: If an option is unknown or does not fit.
        """
        unknown = set(options) - set(RESET_OPTIONS)
        if unknown:
            raise ValueError(
                f"unknown reset option {sorted(unknown)[0]!r}; known: {', '.join(RESET_OPTIONS)}"
            )
        num = len(rows)
        index, goal = self._draw_goals(rng, num, options)
        canvas = self.chain.dynamics.start(num)
        if options.get("initial_state") is not None:
            image = self.goals.check(options["initial_state"], num, "initial_state")
            canvas = self.chain.likelihood.to_canvas(torch.from_numpy(image)).to(self.device)
        self.goal_index[rows], self.goal[rows] = index, goal
        self._place(rows, canvas)
        self.previous_image[rows] = self.image[rows]
        self.step_index[rows] = 0
        self.invalid[rows] = False
        self._offer(rows)

    def step(self, action: NDArray[np.int64], rows: NDArray[np.int64]) -> Transition:
        """Add the chosen proposals in some rows.

        An invalid action leaves the state where it is and advances the step.

        Args:
            action: Indices of proposals, shape (K,), each in [0, A).
            rows: Which rows, shape (K,), each with h < H.

        Returns:
            Rewards and ends of these rows.
        """
        valid = self.mask[rows, action]
        self.previous_canvas[rows] = self.canvas[rows]
        self.previous_image[rows] = self.image[rows]
        self._move(rows[valid], action[valid])
        self.invalid[rows] = ~valid
        self.step_index[rows] += 1
        self._offer(rows)
        reward = self.reward.compute(self.image[rows], self.goal[rows], self.previous_image[rows])
        return Transition(reward, self.step_index[rows] == self.config.horizon)

    def observe(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the observations of some rows, every array with its own memory."""
        log_prior = np.clip(self.log_prior[rows], LOG_PRIOR_FLOOR, 0.0)
        obs: dict[str, NDArray[Any]] = {
            "achieved_goal": self.image[rows],
            "action_mask": self.mask[rows].astype(np.int8),
            "desired_goal": self.goal[rows],
            "log_prior": log_prior,
            "observation": self.image[rows],
            "step": self.step_index[rows, None].astype(np.float32) / self.config.horizon,
        }
        if self.proposals is not None:
            obs["proposals"] = self.proposals[rows]
        return dict(sorted(obs.items()))

    def describe(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the infos of some rows, every array with its own memory."""
        distance = compute_distance(self.image[rows], self.goal[rows])
        return {
            "is_success": self.reward.is_success(distance),
            "distance": distance,
            "potential": self.chain.likelihood.potential(self.image[rows], self.goal[rows]),
            "goal_index": self.goal_index[rows],
            "action_mask": self.mask[rows].astype(np.int8),
            "invalid_action": self.invalid[rows],
            "previous_achieved_goal": self.previous_image[rows],
            "step": self.step_index[rows],
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

    @torch.no_grad()
    def _place(self, rows: NDArray[np.int64], canvas: Tensor) -> None:
        """Put some rows on canvases."""
        self.canvas[rows] = canvas
        self.image[rows] = self.chain.likelihood.mean(canvas).cpu().numpy()

    @torch.no_grad()
    def _move(self, rows: NDArray[np.int64], action: NDArray[np.int64]) -> None:
        """Put some rows where valid choices lead."""
        if self.next_canvas is not None and self.proposals is not None:
            self.canvas[rows] = self.next_canvas[rows, action]
            # Not computed again: vectorised sigmoids differ in the last bit from place to place.
            self.image[rows] = self.proposals[rows, action]
        elif len(rows):
            chosen = torch.from_numpy(action).to(self.device)
            self._place(rows, self.chain.choose(self.canvas[rows], self._steps(rows), chosen))

    @torch.no_grad()
    def _offer(self, rows: NDArray[np.int64]) -> None:
        """Bring prior, mask and proposals of some rows up to date."""
        over = self.step_index[rows] == self.config.horizon
        ended, live = rows[over], rows[~over]
        self.log_prior[ended] = -np.log(self.config.num_proposals)
        self.mask[ended] = True
        if self.proposals is not None and self.next_canvas is not None and len(ended):
            self.next_canvas[ended] = self.canvas[ended, None]
            self.proposals[ended] = self.image[ended, None]
        if not len(live):
            return
        canvas, step = self.canvas[live], self._steps(live)
        if self.proposals is None or self.next_canvas is None:
            log_prior, mask = self.chain.prior(canvas, step)
        else:
            delta, log_prior, mask = self.chain.propose(canvas, step)
            _check_offer("changes", delta, (len(live), *self.proposals.shape[1:]))
            reached = self.chain.dynamics.advance(canvas[:, None], delta, step)
            self.next_canvas[live] = reached
            self.proposals[live] = self.chain.likelihood.mean(reached).cpu().numpy()
        _check_offer("log_prior", log_prior, (len(live), self.config.num_proposals))
        self.log_prior[live] = log_prior.cpu().numpy()
        self.mask[live] = mask.cpu().numpy()
        if not self.mask[live].any(axis=1).all():
            raise ValueError("the proposer gave no proposal a finite log_prior: is it NaN?")

    def _steps(self, rows: NDArray[np.int64]) -> Tensor:
        """Return h of some rows as a tensor on the device."""
        return torch.from_numpy(self.step_index[rows]).to(self.device)


def _check_offer(name: str, offered: Tensor, shape: tuple[int, ...]) -> None:
    """Raise unless a proposer offers what was asked for; other shapes might broadcast."""
    if offered.shape != shape:
        raise ValueError(
            f"the proposer offered {name} of shape {tuple(offered.shape)}, the environment asks "
            f"for {shape}"
        )


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
