"""N episodes as tensors on the device of the proposer, stepped without waiting for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.config import EnvConfig
from gcgen_env.episode_parts import EpisodeParts
from gcgen_env.episodes import Start, put, take
from gcgen_env.generators import Generators
from gcgen_env.invalid_actions import spread
from gcgen_env.proposal_cache import Prepared
from gcgen_env.rewards import measure_tensors
from gcgen_env.spaces import LOG_PRIOR_FLOOR
from gcgen_env.subsets import ALL, Subset
from gcgen_env.tensor_caches import make_tensor_cache

MOST_SUBSETS = 256
"""Subsets of episodes that are kept on the device; environments in step need none."""


class TensorEpisodes(EpisodeParts):
    """`Episodes` whose state is on the device: the same goals, values and order of draws.

    The CPU knows each h, and with it what is to be computed, so it never has to read a value.
    Goals are drawn on the CPU and uploaded as an episode begins.
    """

    def __init__(self, config: EnvConfig, num_envs: int) -> None:
        """Build the parts and allocate the state; see `EpisodeParts`."""
        super().__init__(config, num_envs)
        self._allocate()

    def _allocate(self) -> None:
        """Make the tensors of the state before the first reset."""
        n, s, a, device = self.num_envs, self.shape, self.config.num_proposals, self.device
        self._index = np.arange(n)  # (N,), on the CPU
        self._uploaded: dict[bytes, Tensor] = {}
        self.step_index = np.zeros(n, dtype=np.int64)  # h, on the CPU
        self.h = torch.zeros(n, dtype=torch.int64, device=device)  # the same
        self.canvas = self.chain.dynamics.start(n)  # (N, *S)
        self.previous_canvas = self.canvas.clone()  # for rendering only
        self.goal, self.image, self.previous_image = torch.zeros(3, n, *s, device=device)
        self.goal_index = torch.zeros(n, dtype=torch.int64, device=device)
        self.potential, self.distance = torch.zeros(2, n, dtype=torch.float64, device=device)
        self.invalid = torch.zeros(n, dtype=torch.bool, device=device)
        self.used = torch.zeros(n, a, dtype=torch.bool, device=device)  # only with `single_use`
        self._order = self.upload(spread(a))  # (A,)
        self._reward: Any = self.reward.of_step  # arithmetic, of arrays and of tensors alike
        self.cache: Any = make_tensor_cache(self.chain, self.config.obs_mode, n, a)

    def upload(self, array: NDArray[Any]) -> Tensor:
        """Return an array as a tensor on the device; the CPU does not wait for the copy."""
        return torch.from_numpy(array).to(self.device, non_blocking=True)

    def _find_rows(self, subset: Subset) -> Any:
        """Return a subset on the device; equal subsets are the same tensor."""
        if isinstance(subset, slice):
            return subset
        key = subset.tobytes()
        if key not in self._uploaded:
            if len(self._uploaded) >= MOST_SUBSETS:  # random resets make ever new ones
                self._uploaded.clear()
            self._uploaded[key] = self.upload(subset)
        return self._uploaded[key]

    @torch.no_grad()
    def prepare_reset(
        self, rng: Generators, options: Mapping[str, Any], subset: Subset = ALL
    ) -> Start:
        """Draw goals and compute the first states; see `Episodes.prepare_reset`."""
        num = len(self._index[subset])  # K
        index, drawn = self.goals.draw(num, rng, options)  # (K,), (K, *S)
        canvas, goal = self.chain.dynamics.start(num), self.upload(drawn)  # (K, *S) both
        same_state = options.get("initial_state") is None
        if not same_state:
            given = self.goals.check(options["initial_state"], num, "initial_state")
            canvas = self.chain.likelihood.to_canvas(torch.from_numpy(given)).to(self.device)
        image = self.chain.likelihood.mean(canvas)
        measures = measure_tensors(self.chain.likelihood, image, goal)
        h = torch.zeros(num, dtype=torch.int64, device=self.device)
        prepared = self.cache.prepare(canvas, h, same_state)
        return Start(self.upload(index), goal, canvas, image, *measures, prepared)

    @torch.no_grad()
    def begin(self, start: Start, subset: Subset = ALL) -> None:
        """Begin prepared episodes."""
        rows = self._find_rows(subset)
        self.goal_index = put(self.goal_index, rows, start.goal_index)
        self.goal = put(self.goal, rows, start.goal)
        self._place(rows, start.canvas, start.image, start.potential, start.distance)
        self.previous_image[rows] = self.image[rows]  # a reset has no state before it
        self.step_index[subset], self.h[rows] = 0, 0
        self.invalid[rows], self.used[rows] = False, False
        self.cache.store(rows, start.prepared)

    @torch.no_grad()
    def step(self, action: Tensor, subset: Subset = ALL) -> Tensor:
        """Add the chosen proposals; see `Episodes.step`.

        Args:
            action: Indices of proposals, shape (N,); one outside [0, A) counts as invalid.
            subset: Which K of the N episodes, each with h < H.

        Returns:
            Rewards, shape (N,), float64, 0 for the other episodes.
        """
        rows = self._find_rows(subset)
        action, invalid, skipped = self._choose(take(action, rows), rows)  # (K,) each
        x, image = take(self.canvas, rows), take(self.image, rows)  # (K, *S) both
        phi, h = take(self.potential, rows), take(self.h, rows)  # (K,) both
        reached = self.cache.follow(rows, action, x, image, h)
        kept = skipped.view(-1, *(1,) * len(self.shape))  # (K, 1, ...)
        canvas_next = torch.where(kept, x, reached[0])  # (K, *S)
        image_next = torch.where(kept, image, reached[1])  # (K, *S)
        goal = take(self.goal, rows)  # (K, *S)
        phi_next, distance = measure_tensors(self.chain.likelihood, image_next, goal)
        over = self.step_index[subset] + 1 == self.config.horizon  # (K,), on the CPU
        used = self._mark_used(take(self.used, rows), action, skipped)  # (K, A)
        prepared = self._prepare(canvas_next, h + 1, over, used)  # the last call that may fail
        self.previous_canvas = put(self.previous_canvas, rows, x)
        self.previous_image = put(self.previous_image, rows, image)
        self._place(rows, canvas_next, image_next, phi_next, distance)
        self.invalid, self.used = put(self.invalid, rows, invalid), put(self.used, rows, used)
        self.step_index[subset] += 1
        self.h = put(self.h, rows, h + 1)
        self._store(subset, over, prepared)
        reward = self._reward(phi, phi_next, distance).double()  # (K,); "sparse" makes float32
        every = torch.zeros(self.num_envs, dtype=torch.float64, device=self.device)
        return put(every, rows, reward)

    def _choose(self, action: Tensor, rows: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return the proposals to choose, which actions are invalid, and where nothing is chosen.

        `invalid_actions` has the same rules for arrays.
        """
        num = self.config.num_proposals
        inside, action = (action >= 0) & (action < num), action.clamp(0, num - 1)
        valid = take(self.cache.mask, rows).gather(1, action.unsqueeze(1)).squeeze(1)
        invalid = ~(valid & inside)
        if self.config.invalid_action == "skip":
            return action, invalid, invalid
        best = self._order[take(self.cache.log_prior, rows)[:, self._order].argmax(1)]
        return torch.where(invalid, best, action), invalid, torch.zeros_like(invalid)

    def _mark_used(self, used: Tensor, action: Tensor, skipped: Tensor) -> Tensor:
        """Return the used proposals of K episodes after their choices, shape (K, A)."""
        if not self.config.single_use:
            return used
        at = action.unsqueeze(1)
        return used.scatter(1, at, used.gather(1, at) | ~skipped.unsqueeze(1))

    def observe(self) -> dict[str, Tensor]:
        """Return the observations of all episodes, in new tensors."""
        obs = {
            "achieved_goal": self.image.clone(),  # a user may overwrite it
            "action_mask": self.cache.mask.to(torch.int8),
            "desired_goal": self.goal.clone(),
            "log_prior": self.cache.log_prior.clamp(LOG_PRIOR_FLOOR, 0.0),
            "observation": self.image.clone(),
        }
        if self.config.obs_mode == "pixels":
            obs["proposals"] = self.cache.draw(ALL, self.image)
        obs["step"] = self.h.unsqueeze(1).float() / self.config.horizon
        return obs  # in the order of the space's keys

    def describe(self) -> dict[str, Tensor]:
        """Return the infos of all episodes: the tensors of the state themselves, to be copied."""
        return {
            "is_success": self.distance <= self.config.success_threshold,
            "distance": self.distance,
            "potential": self.potential,
            "goal_index": self.goal_index,
            "action_mask": self.cache.mask.view(torch.int8),  # (N, A), a view
            "invalid_action": self.invalid,
            "previous_achieved_goal": self.previous_image,
            "step": self.h,
        }

    def on_host(self) -> Any:
        """Return copies of what `make_frame` draws, as arrays; this waits for the device."""
        names = ("goal", "image", "previous_image", "distance")
        tables = {name: getattr(self, name).cpu().numpy() for name in names}
        cache = SimpleNamespace(log_prior=self.cache.log_prior.cpu().numpy())
        return SimpleNamespace(**{**vars(self), **tables, "cache": cache})

    def _place(
        self, rows: Any, canvas: Tensor, image: Tensor, potential: Tensor, distance: Tensor
    ) -> None:
        """Set canvases and images, and how far they are from the goals."""
        self.canvas = put(self.canvas, rows, canvas)
        self.image = put(self.image, rows, image)
        self.potential = put(self.potential, rows, potential)
        self.distance = put(self.distance, rows, distance)

    def _prepare(
        self, canvas: Tensor, h: Tensor, over: NDArray[np.bool_], used: Tensor
    ) -> Prepared | None:
        """Compute the proposals of the K states that are not over; None if all are."""
        if over.all():
            return None
        if over.any():
            left = self._find_rows(np.flatnonzero(~over))
            canvas, h, used = canvas[left], h[left], used[left]
        excluded: Any = used if self.config.single_use else None
        return self.cache.prepare(canvas, h, used=excluded)

    def _store(self, subset: Subset, over: NDArray[np.bool_], prepared: Prepared | None) -> None:
        """Hold the proposals of K new states."""
        if over.any():
            index = self._index[subset]
            ended = ALL if over.all() and subset is ALL else self._find_rows(index[over])
            self.cache.close(ended, self.image[ended])
            subset = index[~over]
        if prepared is not None:
            self.cache.store(self._find_rows(subset), prepared)
