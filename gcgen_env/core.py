"""The batched core: N episodes as arrays, no Python loop over them; no autoreset, no spaces.

The single and the vector environment are wiring around this class.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.allocator import keep_freed_memory
from gcgen_env.chain import Chain, Offer
from gcgen_env.config import EnvConfig, check_count
from gcgen_env.factory import make_chain, make_dataset
from gcgen_env.goals import CUSTOM_GOAL, GoalSampler
from gcgen_env.rewards import GoalReward, check_goals, compute_distance, read_steps
from gcgen_env.spaces import LOG_PRIOR_FLOOR

RESET_OPTIONS = ("goal_index", "goal", "initial_state")

Rows = NDArray[np.int64] | slice
"""Some rows of the batch by index, or all of them as `ALL`, which copies less."""
ALL = slice(None)
Array = TypeVar("Array", Tensor, NDArray[np.float32])
BLOCK_BYTES = 16 << 20
"""Proposals that the network makes at once: about a processor's last-level cache."""
PART_BYTES = 2 << 20
"""Proposals that are turned into images at once: about a core's own cache."""


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
        self.log_prior = np.full((n, a), -np.log(a), dtype=np.float32)
        self.mask = np.ones((n, a), dtype=bool)
        self.invalid = np.zeros(n, dtype=bool)
        self._offered: tuple[NDArray[np.int64], Offer] | None = None  # compact mode
        self._next_values: Tensor | None = None  # pixels mode
        self.proposals: Tensor | None = None
        if self.config.obs_mode == "pixels":
            self.proposals = torch.zeros(n, a, *s, device=self.device)

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

    def step(self, action: NDArray[np.int64], rows: Rows = ALL) -> Transition:
        """Add the chosen proposals in some rows.

        An invalid action leaves the state where it is and advances the step.

        Args:
            action: Indices of proposals, shape (K,), each in [0, A).
            rows: Which rows, K of them, each with h < H.

        Returns:
            Rewards and ends of these rows.
        """
        valid = self.mask[self._index[rows], action]
        canvas, image = self._follow(rows, action)
        if not valid.all():
            canvas[~valid], image[~valid] = self.canvas[rows][~valid], self.image[rows][~valid]
        phi = self.potential[rows].copy()
        self.previous_canvas = _put(self.previous_canvas, rows, self.canvas[rows])
        self.previous_image = _put(self.previous_image, rows, self.image[rows])
        self._place(rows, canvas, image)
        self.invalid[rows] = ~valid
        self.step_index[rows] += 1
        self._offer(rows)
        reward = self.reward.combine(phi, self.potential[rows], self.distance[rows])
        return Transition(reward, self.step_index[rows] == self.config.horizon)

    def observe(self, rows: Rows = ALL) -> dict[str, NDArray[Any]]:
        """Return the observations of some rows, every array with its own memory."""
        obs: dict[str, NDArray[Any]] = {
            "achieved_goal": self.image[rows].copy(),
            "action_mask": self.mask[rows].astype(np.int8),
            "desired_goal": self.goal[rows].copy(),
            "log_prior": np.minimum(np.maximum(self.log_prior[rows], LOG_PRIOR_FLOOR), 0.0),
            "observation": self.image[rows].copy(),
        }
        if self.proposals is not None:
            obs["proposals"] = _to_numpy(self.proposals[rows])
        obs["step"] = self.step_index[rows, None].astype(np.float32) / self.config.horizon
        return obs  # in the order of the space's keys

    def describe(self, rows: Rows = ALL) -> dict[str, NDArray[Any]]:
        """Return the infos of some rows, every array with its own memory."""
        return {
            "is_success": self.reward.is_success(self.distance[rows]),
            "distance": self.distance[rows].copy(),
            "potential": self.potential[rows].copy(),
            "goal_index": self.goal_index[rows].copy(),
            "action_mask": self.mask[rows].astype(np.int8),
            "invalid_action": self.invalid[rows].copy(),
            "previous_achieved_goal": self.previous_image[rows].copy(),
            "step": self.step_index[rows].copy(),
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

    def _place(self, rows: Rows, canvas: Tensor, image: NDArray[np.float32]) -> None:
        """Put some rows on canvases and their images, and measure how far the goals are."""
        self.canvas = _put(self.canvas, rows, canvas)
        self.image = _put(self.image, rows, image)
        self.potential[rows] = self.chain.likelihood.potential(image, self.goal[rows])
        self.distance[rows] = compute_distance(image, self.goal[rows])

    @torch.no_grad()
    def _follow(self, rows: Rows, action: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.float32]]:
        """Return the canvases and images that choices in some rows lead to."""
        if self._next_values is not None and self.proposals is not None:
            flat = self._index[rows] * self.config.num_proposals + action
            index = torch.from_numpy(flat).to(self.device)
            # Not computed again: vectorised sigmoids differ in the last bit from place to place.
            image = self.proposals.flatten(0, 1).index_select(0, index).cpu().numpy()
            canvas = self.canvas[rows].clone()
            self.chain.place(self._next_values.flatten(0, 1).index_select(0, index), canvas)
            return canvas, image
        canvas, step = self.canvas[rows], self._steps(rows)
        chosen = torch.from_numpy(action).to(self.device)
        delta = self._find_offer(rows, canvas, step).rows(chosen)
        canvas = self.chain.dynamics.advance(canvas, delta, step)
        return canvas, self.chain.likelihood.mean(canvas).cpu().numpy()

    @torch.no_grad()
    def _offer(self, rows: Rows, alike: bool = False) -> None:
        """Bring prior, mask and proposals of some rows up to date; rows `alike` share a state."""
        self._offered = None
        over = self.step_index[rows] == self.config.horizon
        if over.any():
            index = self._index[rows]
            self._close(index[over])
            rows = live = index[~over]
            if not len(live):
                return
        if self.proposals is not None and alike:
            self._show(self._index[rows][:1])
            self._repeat(rows)
            return
        if self.proposals is not None:
            for block in _split(len(self._index[rows]), self.proposals[0].nbytes, BLOCK_BYTES):
                self._show(block if isinstance(rows, slice) else rows[block])
            return
        offer = self.chain.offer(self.canvas[rows], self._steps(rows), all_wanted=False)
        self._set_prior(rows, offer.log_prior, offer.mask)
        self._offered = self._index[rows], offer

    def _show(self, rows: Rows) -> None:
        """Compute all proposals of some rows, as canvases and as images.

        The network makes them for many rows at once, which is where it is fast; what follows
        is done for few rows at a time, which is where memory is fast.
        """
        assert self.proposals is not None
        canvas, step = self.canvas[rows], self._steps(rows)
        offer = self.chain.offer(canvas, step)
        x, y = self.chain.compress(canvas), offer.all(torch.float32)  # (K, P), (K, A, P)
        _check_offer("changes", y, (len(step), self.config.num_proposals, x.shape[1]))
        self._set_prior(rows, offer.log_prior, offer.mask)
        if self._next_values is None:
            self._next_values = y.new_zeros(self.num_envs, *y.shape[1:])
        values, shown = self._next_values[rows], self.proposals[rows]
        image = torch.from_numpy(self.image[rows]).to(self.device).unsqueeze(1)
        for part in _split(len(step), y[0].nbytes, PART_BYTES):
            chain, out = self.chain, values[part]
            chain.dynamics.advance(x[part].unsqueeze(1), y[part], step[part], out=out)
            shown[part].copy_(image[part])
            chain.place(chain.likelihood.mean(out), shown[part])
        if not isinstance(rows, slice):  # then these were copies
            self._next_values[rows], self.proposals[rows] = values, shown

    def _repeat(self, rows: Rows) -> None:
        """Offer in all these rows what the first of them is offered."""
        first = self._index[rows][:1]
        self.log_prior[rows], self.mask[rows] = self.log_prior[first], self.mask[first]
        for table in (self._next_values, self.proposals):
            if table is not None:
                table[rows] = table[first]

    def _set_prior(self, rows: Rows, log_prior: Tensor, is_valid: Tensor) -> None:
        """Note the prior and the valid proposals of some rows."""
        _check_offer("log_prior", log_prior, self.log_prior[rows].shape)
        self.log_prior[rows] = log_prior.cpu().numpy()
        self.mask[rows] = mask = is_valid.cpu().numpy()
        if not (mask.all() or mask.any(axis=1).all()):
            raise ValueError("the proposer gave no proposal a finite log_prior: is it NaN?")

    def _close(self, ended: NDArray[np.int64]) -> None:
        """Offer nothing more in ended rows: the image again and again, equally probable."""
        self.log_prior[ended] = -np.log(self.config.num_proposals)
        self.mask[ended] = True
        if self.proposals is not None:
            image = torch.from_numpy(self.image[ended]).to(self.device)
            self.proposals[ended] = image.unsqueeze(1)

    def _find_offer(self, rows: Rows, canvas: Tensor, step: Tensor) -> Offer:
        """Return the offer these rows were made last, made again if other rows got one since."""
        if self._offered is not None and np.array_equal(self._offered[0], self._index[rows]):
            return self._offered[1]
        return self.chain.offer(canvas, step, all_wanted=False)

    def _steps(self, rows: Rows) -> Tensor:
        """Return h of some rows as a tensor on the device."""
        return torch.from_numpy(self.step_index[rows].copy()).to(self.device)


def _to_numpy(table: Tensor) -> NDArray[np.float32]:
    """Copy a tensor into an array that NumPy allocates, on huge pages where there are any."""
    array = np.empty(table.shape, np.float32)
    torch.from_numpy(array).copy_(table)
    return array


def _split(num: int, row_bytes: int, block_bytes: int) -> list[slice]:
    """Split `num` rows evenly into as few blocks as do not exceed a size."""
    blocks = max(1, math.ceil(num * row_bytes / block_bytes))
    bounds = [num * i // blocks for i in range(blocks + 1)]
    return [slice(*pair) for pair in itertools.pairwise(bounds) if pair[0] < pair[1]]


def _put(old: Array, rows: Rows, new: Array) -> Array:
    """Return `old` with `new` in some rows; all of them change hands without a copy."""
    if isinstance(rows, slice):
        return new
    old[rows] = new
    return old


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
