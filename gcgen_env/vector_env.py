"""The vector environment: Gymnasium's interface around a core of N rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gcgen_env.batching import ALL, Rows
from gcgen_env.config import EnvConfig, make_config
from gcgen_env.env import RENDER_MODES, check_render_mode
from gcgen_env.episodes import Core
from gcgen_env.goal_env import GoalApi
from gcgen_env.rendering import make_frame
from gcgen_env.spaces import make_observation_space
from gcgen_env.viewer import render_ansi, render_rgb

Obs = dict[str, NDArray[Any]]


class GCGenVectorEnv(GoalApi, VectorEnv[Obs, NDArray[np.int64], NDArray[Any]]):
    """N episodes of `GCGenEnv` in one natively batched core, without a loop over them.

    One generator, seeded by `reset(seed=...)`, makes every draw of the whole batch. Infos are
    arrays over the N environments with Gymnasium's `_key` masks. The three autoreset modes:

    * NEXT_STEP (default): the step after an end ignores the action and resets.
    * SAME_STEP: an ended row returns the first observation of its next episode; the last one
      is in `infos["final_obs"]` and `infos["final_info"]`.
    * DISABLED: reset ended rows with `reset(options={"reset_mask": bool (N,)})`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Make N environments.

        Args:
            num_envs: N.
            autoreset_mode: An `AutoresetMode` or its value, such as "SameStep".
            render_mode: None, "rgb_array" or "ansi".
            **kwargs: Fields of `EnvConfig`.

        Raises:
            ValueError: If a value is out of range or does not fit the proposer.
        """
        self.autoreset_mode = check_autoreset_mode(autoreset_mode)
        self.render_mode = check_render_mode(render_mode)
        self.metadata = {
            "render_modes": list(RENDER_MODES),
            "render_fps": 3,
            "autoreset_mode": self.autoreset_mode,
        }
        self.config: EnvConfig = make_config(**kwargs)
        self.core = Core(self.config, num_envs)
        self.num_envs = self.core.num_envs
        self.single_observation_space = make_observation_space(
            self.core.chain.likelihood,
            self.core.shape,
            self.config.num_proposals,
            self.config.obs_mode,
        )
        self.single_action_space = spaces.Discrete(self.config.num_proposals)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._running = np.zeros(num_envs, dtype=bool)
        self._last_action: NDArray[np.int64] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Begin an episode in every row, or in those of `options["reset_mask"]`.

        Args:
            seed: Reproduces the whole batch.
            options: "goal_index", "goal", "initial_state" (one for all reset rows, or one for
                each of them), and "reset_mask", shape (N,), bool.

        Raises:
            ValueError: If an option is unknown or does not fit.
        """
        super().reset(seed=seed)
        options = dict(options or {})
        rows = self._reset_rows(options.pop("reset_mask", None))
        self.core.reset(self.np_random, options, rows)
        self._running[rows] = True
        return self.core.observe(), self._infos()

    def step(
        self, actions: Any
    ) -> tuple[Obs, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Add one proposal in every row.

        Args:
            actions: Indices of proposals, shape (N,), integers in [0, A).

        Raises:
            ResetNeeded: If `reset` was never called, or in DISABLED mode a row has ended.
            ValueError: If the actions are not N integers in [0, A).
        """
        action = self._check_actions(actions)
        rows = self._live_rows()
        reward = np.zeros(self.num_envs)
        terminated = np.zeros(self.num_envs, dtype=bool)
        transition = self.core.step(action[rows], rows)
        reward[rows], terminated[rows] = transition
        self._last_action = action
        final = self._autoreset(terminated)
        truncated = np.zeros(self.num_envs, dtype=bool)
        infos = {**self._infos(), **final}
        return self.core.observe(), reward, terminated, truncated, infos

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions are valid, shape (N, A), bool."""
        return self.core.offers.mask.copy()

    def render(self) -> Any:
        """Draw every environment: a tuple of N pictures; None without a render mode."""
        if self.render_mode is None:
            return None
        draw = render_rgb if self.render_mode == "rgb_array" else render_ansi
        chosen = [None] * self.num_envs if self._last_action is None else self._last_action
        return tuple(
            draw(make_frame(self.core, row, None if a is None else int(a)))
            for row, a in enumerate(chosen)
        )

    def _reset_rows(self, reset_mask: Any) -> Rows:
        """Return the rows a mask asks to reset."""
        if reset_mask is None:
            return ALL
        mask = np.asarray(reset_mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ValueError(
                f"reset_mask must be bool of shape ({self.num_envs},) with a True, got "
                f"{mask.dtype} of shape {mask.shape}"
            )
        return _rows_of(mask)

    def _live_rows(self) -> Rows:
        """Return the rows that a step moves."""
        if self._running.all():
            return ALL
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and (self.core.step_index > 0).any():
            return _rows_of(self._running)
        ended = np.flatnonzero(~self._running).tolist()
        raise ResetNeeded(f"rows {ended} have no running episode: call reset() first")

    def _autoreset(self, terminated: NDArray[np.bool_]) -> dict[str, Any]:
        """Reset what this mode resets now; return the final infos of SAME_STEP."""
        stale = ~self._running  # NEXT_STEP: ended one step ago
        self._running[terminated] = False
        if self.autoreset_mode is AutoresetMode.DISABLED:
            return {}
        final: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            stale = terminated
            final = self._final(stale) if stale.any() else {}
        if stale.any():
            self.core.reset(self.np_random, {}, _rows_of(stale))
            self._running[stale] = True
        return final

    def _final(self, mask: NDArray[np.bool_]) -> dict[str, Any]:
        """Return `final_obs` (N dicts or None) and `final_info` (arrays) with their masks."""
        last = self.core.observe(_rows_of(mask))
        final_obs = np.full(self.num_envs, None, dtype=object)
        for i, row in enumerate(np.flatnonzero(mask)):
            final_obs[row] = {key: value[i] for key, value in last.items()}
        final_info = _with_masks(self.core.describe(), mask)
        return {
            "final_obs": final_obs,
            "_final_obs": mask.copy(),
            "final_info": final_info,
            "_final_info": mask.copy(),
        }

    def _infos(self) -> dict[str, Any]:
        """Return the infos of all rows with their masks."""
        return _with_masks(self.core.describe(), np.ones(self.num_envs, dtype=bool))

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
            raise ValueError(f"actions must lie in [0, {a}), got {array.tolist()}")
        return array.astype(np.int64)


def _rows_of(mask: NDArray[np.bool_]) -> Rows:
    """Return the rows where a mask (N,) is true."""
    return ALL if mask.all() else np.flatnonzero(mask)


def check_autoreset_mode(mode: str | AutoresetMode) -> AutoresetMode:
    """Return the autoreset mode, or raise a ValueError that lists them."""
    try:
        return AutoresetMode(mode)
    except ValueError as error:
        known = ", ".join(repr(each.value) for each in AutoresetMode)
        raise ValueError(f"autoreset_mode must be one of {known}; got {mode!r}") from error


def _with_masks(infos: dict[str, NDArray[Any]], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Copy infos, and add Gymnasium's `_key` mask beside every key."""
    copies = {key: value.copy() for key, value in infos.items()}
    return copies | {f"_{key}": mask.copy() for key in infos}
