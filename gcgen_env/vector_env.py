"""The vector environment: Gymnasium's interface of N episodes in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gcgen_env.generators import Generators, check_seeds, reseed, undo_draws
from gcgen_env.goal_env import RENDER_MODES, GoalEnvMixin
from gcgen_env.messages import show
from gcgen_env.rendering import make_frame
from gcgen_env.reset_options import check_options
from gcgen_env.subsets import ALL, Subset, to_subset
from gcgen_env.viewer import render_ansi, render_rgb

Obs = dict[str, NDArray[Any]]


class GCGenVectorEnv(GoalEnvMixin, VectorEnv[Obs, NDArray[np.int64], NDArray[Any]]):
    """N environments `GCGenEnv`, computed as one batch without a loop over them.

    `reset(seed=7)` seeds one generator that makes every draw of the whole batch;
    `reset(seed=[3, 1, 4])` gives each environment a generator of its own. Infos are arrays over
    the N environments with Gymnasium's `_key` masks. The three autoreset modes:

    * NEXT_STEP (default): the step after an end ignores the action and resets.
    * SAME_STEP: an ended environment returns the first observation of its next episode; the
      last one is in `infos["final_obs"]`, its info in `infos["final_info"]`.
    * DISABLED: reset ended environments with `reset(options={"reset_mask": bool (N,)})`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Make N environments.

        Args:
            num_envs: N.
            autoreset_mode: An `AutoresetMode` or its value, such as "SameStep".
            render_mode: None, "rgb_array" or "ansi".
            max_episode_steps: H, which Gymnasium passes from a specification.
            **kwargs: Fields of `EnvConfig`.

        Raises:
            ValueError: If a value is out of range or does not fit the proposer.
            MemoryError: If the episodes would not fit in memory.
        """
        self.autoreset_mode = check_autoreset_mode(autoreset_mode)
        single = self._build(num_envs, render_mode, RENDER_MODES, kwargs)
        if max_episode_steps not in (None, self.config.horizon):
            raise ValueError(
                f"an episode has horizon={self.config.horizon} steps, got {max_episode_steps=}: "
                "use horizon= for another length"
            )
        self.single_observation_space, self.single_action_space = single
        self.num_envs = self.episodes.num_envs
        self.metadata = {
            "render_modes": list(RENDER_MODES),
            "render_fps": 3,
            "autoreset_mode": self.autoreset_mode,
        }
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._running = np.zeros(num_envs, dtype=bool)  # (N,), all False before the first reset
        self._last_action: NDArray[np.int64] | None = None  # (N,)
        self._generators: list[np.random.Generator] | None = None  # after a list of seeds

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Obs, dict[str, Any]]:
        """Begin an episode in every environment, or in those of `options["reset_mask"]`.

        If an error is raised, the environments and their generators stay as they were.

        Args:
            seed: An integer reproduces the whole batch. A list of N seeds gives each environment
                the goals of a `GCGenEnv` with its seed, in this episode and in all that follow;
                with None in the list an environment goes on with its own generator. Seeds of
                environments that are not reset are ignored.
            options: "goal_index", "goal", "initial_state" (one value for all environments that
                are reset, or one for each of them), and "reset_mask", shape (N,), bool.

        Raises:
            ValueError: If a seed or an option is unknown or does not fit.
        """
        options = check_options(options, "reset_mask")
        subset = self._find_reset(options.pop("reset_mask", None))
        with undo_draws(self):
            self._seed(seed, subset)
            start = self.episodes.prepare_reset(self._find_generators(subset), options, subset)
        self.episodes.begin(start, subset)
        self._running[subset] = True
        return self.episodes.observe(), self._infos()

    def step(
        self, actions: Any
    ) -> tuple[Obs, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Add one proposal in every environment: `actions`, shape (N,), integers in [0, A).

        Raises:
            ResetNeeded: If `reset` was never called, or in DISABLED mode an episode has ended.
            ValueError: If the actions are not N integers in [0, A).
        """
        action = self._check_actions(actions)
        subset, fresh = self._find_running(), self._find_fresh()
        start, begins = None, to_subset(fresh)
        with undo_draws(self) if fresh.any() else nullcontext():  # both succeed, or neither
            if fresh.any():
                start = self.episodes.prepare_reset(self._find_generators(begins), {}, begins)
            reward = self._advance(action, subset)  # (N,)
        terminated = self._running & (self.episodes.step_index == self.config.horizon)
        self._last_action, self._running = action, self._running & ~terminated
        final: dict[str, Any] = {}
        if start is not None:  # before observing
            if self.autoreset_mode is AutoresetMode.SAME_STEP:
                final = self._final(fresh)
            self.episodes.begin(start, begins)
            self._running |= fresh
        truncated = np.zeros(self.num_envs, dtype=bool)  # the horizon belongs to the task
        return self.episodes.observe(), reward, terminated, truncated, {**self._infos(), **final}

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions are valid, shape (N, A), bool."""
        return self.episodes.cache.mask.copy()

    def render(self) -> Any:
        """Draw every environment: a tuple of N pictures; None without a render mode."""
        if self.render_mode is None:
            return None
        draw = render_rgb if self.render_mode == "rgb_array" else render_ansi
        chosen = [None] * self.num_envs if self._last_action is None else self._last_action
        episodes = self.episodes.on_host()
        return tuple(
            draw(make_frame(episodes, i, None if a is None else int(a)))
            for i, a in enumerate(chosen)
        )

    def _advance(self, action: NDArray[np.int64], subset: Subset) -> NDArray[np.float64]:
        """Step the K running episodes; return N rewards, 0 where NEXT_STEP only resets."""
        reward = np.zeros(self.num_envs)
        reward[subset] = self.episodes.step(action[subset], subset).reward  # (K,)
        return reward

    def _find_reset(self, reset_mask: Any) -> Subset:
        """Return the environments that a mask selects."""
        if reset_mask is None:
            return ALL
        mask = np.asarray(reset_mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ValueError(
                f"reset_mask must be bool of shape ({self.num_envs},) with at least one True, got "
                f"{mask.dtype} of shape {mask.shape}"
            )
        return to_subset(mask)

    def _find_running(self) -> Subset:
        """Return the environments whose episodes are running."""
        if self._running.all():
            return ALL
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and (self.episodes.step_index > 0).any():
            return to_subset(self._running)
        ended = np.flatnonzero(~self._running).tolist()
        raise ResetNeeded(f"environments {ended} have no running episode: call reset() first")

    def _find_fresh(self) -> NDArray[np.bool_]:
        """Return the environments that the next step resets, shape (N,)."""
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            return self.episodes.step_index + 1 == self.config.horizon
        return ~self._running  # in NEXT_STEP those that ended one step ago, else none

    def _seed(self, seed: Any, subset: Subset) -> None:
        """Seed one generator for the batch, or those of the environments that are reset."""
        if seed is None or isinstance(seed, int):
            super().reset(seed=seed)
            self._generators = self._generators if seed is None else None
        else:
            which = set(np.arange(self.num_envs)[subset].tolist())
            self._generators = reseed(
                check_seeds(seed, self.num_envs), which, self._generators, self.np_random
            )

    def _find_generators(self, subset: Subset) -> Generators:
        """Return the generator of the batch, or those of some environments."""
        if self._generators is None:
            return self.np_random
        return [self._generators[i] for i in np.arange(self.num_envs)[subset]]

    def _final(self, mask: NDArray[np.bool_]) -> dict[str, Any]:
        """Return `final_obs` (N dicts or None) and `final_info` (arrays) with their masks."""
        last = self.episodes.observe(to_subset(mask))  # of K ended episodes
        final_obs = np.full(self.num_envs, None, dtype=object)  # (N,)
        for i, env in enumerate(np.flatnonzero(mask)):  # i of K, env of N
            final_obs[env] = {key: value[i] for key, value in last.items()}
        final_info = _with_masks(self.episodes.describe(), mask)  # copies, as the reset follows
        return {
            "final_obs": final_obs,
            "_final_obs": mask.copy(),
            "final_info": final_info,
            "_final_info": mask.copy(),
        }

    def _infos(self) -> dict[str, Any]:
        """Return the infos of all environments with their masks."""
        return _with_masks(self.episodes.describe(), np.ones(self.num_envs, dtype=bool))

    def _check_actions(self, actions: Any) -> NDArray[np.int64]:
        """Return actions as int64 (N,), or raise."""
        array = np.asarray(actions)
        a = self.config.num_proposals
        if array.shape != (self.num_envs,) or not np.issubdtype(array.dtype, np.integer):
            raise ValueError(
                f"actions must be {self.num_envs} integers in [0, {a}), got "
                f"{array.dtype} of shape {array.shape}"
            )
        if array.min() < 0 or array.max() >= a:
            raise ValueError(f"actions must lie in [0, {a}), got {show(array)}")
        return array.astype(np.int64)  # a copy: the caller may reuse its array


def check_autoreset_mode(mode: str | AutoresetMode) -> AutoresetMode:
    """Return the autoreset mode, or raise a ValueError that lists them."""
    try:
        return AutoresetMode(mode)
    except ValueError as error:
        known = ", ".join(repr(each.value) for each in AutoresetMode)
        raise ValueError(f"autoreset_mode must be one of {known}; got {show(mode)}") from error


def _with_masks(infos: dict[str, NDArray[Any]], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Copy infos, and add Gymnasium's `_key` mask beside every key."""
    copies = {key: value.copy() for key, value in infos.items()}  # else the next step changes them
    return copies | {f"_{key}": mask.copy() for key in infos}
