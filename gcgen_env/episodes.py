"""N episodes as arrays: reset, step and observe; no autoreset and no spaces.

The single and the vector environment wrap this class in Gymnasium's interfaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.config import EnvConfig
from gcgen_env.episode_parts import EpisodeParts
from gcgen_env.generators import Generators
from gcgen_env.invalid_actions import mark_used, resolve
from gcgen_env.on_demand_cache import make_cache
from gcgen_env.proposal_cache import Images, Prepared
from gcgen_env.rewards import Floats, measure
from gcgen_env.spaces import LOG_PRIOR_FLOOR
from gcgen_env.subsets import ALL, Subset, Table


class Transition(NamedTuple):
    """What one step of K episodes returns, besides the new observations."""

    reward: NDArray[np.float64]
    """Rewards, shape (K,)."""
    terminated: NDArray[np.bool_]
    """Whether h = H, shape (K,)."""


class Start(NamedTuple):
    """The first states of K episodes that have not begun yet: arrays, or all of them tensors."""

    goal_index: Any
    """Indices of the goals, shape (K,)."""
    goal: Any
    """Goals, shape (K, *S)."""
    canvas: Tensor
    """x_0, shape (K, *S)."""
    image: Any
    """m(x_0), shape (K, *S)."""
    potential: Any
    """Shape (K,), in nats."""
    distance: Any
    """Shape (K,), in image units."""
    prepared: Prepared
    """Their proposals."""


class Episodes(EpisodeParts):
    """State of N episodes, any subset of which can be reset or stepped.

    What depends on a state is computed once, when the state is reached: its proposals, its
    potential and its distance to the goal.
    """

    def __init__(self, config: EnvConfig, num_envs: int) -> None:
        """Build the parts and allocate the state; see `EpisodeParts`."""
        super().__init__(config, num_envs)
        self._allocate()

    def _allocate(self) -> None:
        """Make the arrays of the state before the first reset."""
        n, s, a = self.num_envs, self.shape, self.config.num_proposals
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
        self.used = np.zeros((n, a), dtype=bool)  # only with `single_use`
        self.cache = make_cache(self.chain, self.config.obs_mode, n, a)

    @torch.no_grad()
    def prepare_reset(
        self, rng: Generators, options: Mapping[str, Any], subset: Subset = ALL
    ) -> Start:
        """Draw goals and compute the first states of new episodes; the state stays as it is.

        Args:
            rng: Makes every draw; a list has one generator for each of these episodes.
            options: May set "goal_index", "goal" or "initial_state": one value for all of these
                episodes, or one for each of them.
            subset: Which of the N episodes.

        Raises:
            ValueError: If an option does not fit, or the proposer fails.
        """
        num = len(self._index[subset])  # K
        index, goal = self.goals.draw(num, rng, options)  # (K,), (K, *S)
        canvas = self.chain.dynamics.start(num)  # (K, *S)
        if options.get("initial_state") is not None:
            image = self.goals.check(options["initial_state"], num, "initial_state")
            canvas = self.chain.likelihood.to_canvas(torch.from_numpy(image)).to(self.device)
        image = self.chain.likelihood.mean(canvas).cpu().numpy()
        measures = measure(self.chain.likelihood, image, goal)
        same_state = options.get("initial_state") is None
        prepared = self.cache.prepare(canvas, np.zeros(num, np.int64), same_state)
        return Start(index, goal, canvas, image, *measures, prepared)

    @torch.no_grad()
    def begin(self, start: Start, subset: Subset = ALL) -> None:
        """Begin prepared episodes."""
        self.goal_index[subset], self.goal[subset] = start.goal_index, start.goal
        self._place(subset, start.canvas, start.image, start.potential, start.distance)
        self.previous_image[subset] = self.image[subset]  # a reset has no state before it
        self.step_index[subset] = 0
        self.invalid[subset], self.used[subset] = False, False
        self.cache.store(subset, start.prepared)

    @torch.no_grad()
    def step(self, action: NDArray[np.int64], subset: Subset = ALL) -> Transition:
        """Add the chosen proposals.

        An invalid action leaves the canvas unchanged, or chooses the most probable valid
        proposal; it always advances the step. If the proposer fails, nothing changes.

        Args:
            action: Indices of proposals, shape (K,), each in [0, A).
            subset: Which K of the N episodes, each with h < H.

        Returns:
            Rewards and ends of these episodes.

        Raises:
            ValueError: If the proposer fails.
        """
        invalid = skipped = ~self.cache.mask[take(self._index, subset), action]  # (K,)
        if invalid.any():
            action, skipped = resolve(self.config, invalid, action, self.cache.log_prior[subset])
        x, image = take(self.canvas, subset), take(self.image, subset)  # (K, *S) both
        phi, step = take(self.potential, subset), take(self.step_index, subset)  # (K,) both
        canvas_next, image_next = self.cache.follow(subset, action, x, image, step)
        if skipped.any():
            canvas_next[skipped], image_next[skipped] = x[skipped], image[skipped]
        goal = take(self.goal, subset)  # (K, *S)
        phi_next, distance = measure(self.chain.likelihood, image_next, goal)  # (K,) both
        over = step + 1 == self.config.horizon  # (K,)
        used = take(self.used, subset)  # (K, A)
        used = mark_used(used, action, skipped) if self.config.single_use else used
        prepared = self._prepare(canvas_next, step + 1, over, used)  # the last call that may fail
        self.previous_canvas = put(self.previous_canvas, subset, x)
        self.previous_image = put(self.previous_image, subset, image)
        self._place(subset, canvas_next, image_next, phi_next, distance)
        self.invalid[subset], self.used = invalid, put(self.used, subset, used)
        self.step_index = put(self.step_index, subset, step + 1)  # `step` itself stays h
        self._store(subset, over, prepared)
        return Transition(self.reward.of_step(phi, phi_next, distance), over)

    def observe(self, subset: Subset = ALL) -> dict[str, NDArray[Any]]:
        """Return the observations of some episodes, in new arrays."""
        image = take(self.image, subset)
        obs: dict[str, NDArray[Any]] = {
            "achieved_goal": image.copy(),  # a user may overwrite it
            "action_mask": take(self.cache.mask, subset).astype(np.int8),
            "desired_goal": self.goal[subset].copy(),
            "log_prior": take(self.cache.log_prior, subset).clip(LOG_PRIOR_FLOOR, 0.0),
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

    def on_host(self) -> Episodes:
        """Return what `make_frame` draws: these episodes, as their tables are arrays."""
        return self

    def _place(
        self, subset: Subset, canvas: Tensor, image: Images, potential: Floats, distance: Floats
    ) -> None:
        """Set canvases and images, and how far they are from the goals."""
        self.canvas = put(self.canvas, subset, canvas)
        self.image = put(self.image, subset, image)
        self.potential = put(self.potential, subset, potential)
        self.distance = put(self.distance, subset, distance)

    def _prepare(
        self,
        canvas: Tensor,
        step: NDArray[np.int64],
        over: NDArray[np.bool_],
        used: NDArray[np.bool_],
    ) -> Prepared | None:
        """Compute the proposals of the K states that are not over; None if all are."""
        if over.all():
            return None  # the network needs at least one state
        if over.any():
            canvas, step, used = canvas[~over], step[~over], used[~over]
        return self.cache.prepare(canvas, step, used=used if self.config.single_use else None)

    def _store(self, subset: Subset, over: NDArray[np.bool_], prepared: Prepared | None) -> None:
        """Hold the proposals of K new states."""
        if over.any():
            index = self._index[subset]
            self.cache.close(index[over], self.image[index[over]])
            subset = index[~over]
        if prepared is not None:
            self.cache.store(subset, prepared)


def take(table: Table, subset: Subset) -> Table:
    """Return some entries of a table; if `subset` is ALL, the table itself, without a copy."""
    return table if subset is ALL else table[subset]


def put(table: Table, subset: Subset, new: Table) -> Table:
    """Return a table with new entries; if `subset` is ALL, `new` itself, without a copy."""
    if subset is ALL:
        return new
    table[subset] = new
    return table
