"""The single environment: Gymnasium's interface of one episode."""

from __future__ import annotations

import string
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from gcgen_env.config import EnvConfig
from gcgen_env.generators import undo_draws
from gcgen_env.goal_env import RENDER_MODES, GoalEnvMixin
from gcgen_env.keywords import document_fields
from gcgen_env.messages import show
from gcgen_env.obs_device import check_obs_device
from gcgen_env.rendering import make_frame
from gcgen_env.reset_options import check_options
from gcgen_env.viewer import render_ansi, render_rgb
from gcgen_env.viewer.window import Window, check_pygame, has_pygame

KEYS = string.digits + string.ascii_lowercase
"""Keys of the proposals in a game."""


@document_fields(EnvConfig, "## Arguments")
class GCGenEnv(GoalEnvMixin, gym.Env[dict[str, Any], np.int64]):
    """Rebuild a goal image by choosing among proposals, one at a time.

    ## Description
    An episode starts from a fixed initial image. At each of H steps a proposer, which does not
    see the goal, proposes A changes. The agent, which sees the goal, selects one, and it is
    scaled and added: `x[h+1] = x[h] + alpha[h] * y[h][a]`. The canvas x holds logits
    (Bernoulli likelihood) or pixels (Gaussian). Transitions are deterministic. The set of
    proposals changes with the state and the step: an index has no fixed meaning.

    ## Action Space
    `Discrete(A)`: the index of a proposal of this observation. With `nucleus < 1` only the
    smallest set of proposals that holds this prior mass is valid. An invalid action leaves the
    canvas unchanged and advances the step; its reward is that of this null transition. With
    `invalid_action="best_prior"` it chooses the most probable valid proposal instead. With
    `single_use` the proposals that an episode has chosen are invalid.

    ## Observation Space
    A `Dict`; S is (C, height, width), or (2,) for points.

    | key | shape, dtype | meaning |
    |---|---|---|
    | `observation` | S float32 | image of the current state |
    | `achieved_goal` | S float32 | the same content |
    | `desired_goal` | S float32 | the goal; no other key depends on it |
    | `step` | (1,) float32 | h / H |
    | `proposals` | (A, *S) float32 | images of the A next states (`obs_mode="pixels"` only) |
    | `log_prior` | (A,) float32 | log p_S, clipped to [-30, 0] |
    | `action_mask` | (A,) int8 | 1 = valid; never all zero |

    ## Starting State
    The initial image (`initial_state`), and a goal drawn uniformly from the data set;
    `reset(options=...)` sets "goal_index", "goal" or "initial_state".

    ## Rewards
    With Phi(x, g) = log p(g | x), in nats: "potential" gives gamma * Phi(x', g) - Phi(x, g),
    whose sum at gamma = 1 is Phi(x_H) - Phi(x_0); "distance" minus the root mean squared error
    after the step; "sparse" 0 on success and -1 otherwise.

    ## Episode End
    Terminated (not truncated) after H steps, whatever the goal.

    ## Information
    `is_success`, `distance` (root mean squared error), `potential` (nats), `goal_index` (-1 for
    a goal of your own), `action_mask` (int8), `invalid_action`, `previous_achieved_goal` (the
    image before the step; after a reset the initial image), `step` (h).

    ## Arguments
    The fields of `EnvConfig`, and `render_mode` ("human", "rgb_array" or "ansi"). "human" opens a
    window and needs pygame, which the extra `human` installs. `gymnasium.utils.play` maps the
    keys 0 to 9 and a to z to the first 36 proposals; call it with `wait_on_player=True`.

    ## References
    Vargas Vieyra and Ménard, "Learning Generative Models with Goal-Conditioned Reinforcement
    Learning", 2023, arXiv 2303.14811.

    ## Version History
    * v0: first version.
    """

    metadata = {"render_modes": [*RENDER_MODES, "human"], "render_fps": 3}  # noqa: RUF012

    def __init__(
        self, *, render_mode: str | None = None, obs_device: str = "host", **kwargs: Any
    ) -> None:
        """Make an environment.

        Args:
            render_mode: None, "human", "rgb_array" or "ansi".
            obs_device: "host", for NumPy arrays; `gym.make_vec` makes tensors, too.
            **kwargs: Fields of `EnvConfig`.

        Raises:
            ValueError: If a value is out of range or does not fit the proposer.
            MemoryError: If the episode would not fit in memory.
            DependencyNotInstalled: If `render_mode` is "human" and pygame is missing.
            FileNotFoundError: If the data is not on this machine and cannot be downloaded.
        """
        check_obs_device(obs_device, "a single environment")
        if not has_pygame:  # the class lists the mode, so that it is asked for in one place
            self.metadata = {**self.metadata, "render_modes": list(RENDER_MODES)}
        if render_mode == "human":
            check_pygame()
        modes = (*RENDER_MODES, "human")
        self.observation_space, self.action_space = self._build(1, render_mode, modes, kwargs)
        self._window: Window | None = None
        self._running = False
        self._last_action: int | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Begin an episode; see the class docstring for `options`.

        If an error is raised, the environment and its generator stay as they were.

        Raises:
            ValueError: If an option is unknown or does not fit.
        """
        options = check_options(options)
        with undo_draws(self):
            super().reset(seed=seed)  # seeds np_random
            start = self.episodes.prepare_reset(self.np_random, options)
        self.episodes.begin(start)
        self._running, self._last_action = True, None
        self._show()
        return self._observe()

    def step(
        self, action: Any
    ) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Add one proposal.

        Args:
            action: Index of a proposal, an integer in [0, A).

        Raises:
            ResetNeeded: If no episode is running.
            ValueError: If the action is not an integer in [0, A).
        """
        if not self._running:
            raise ResetNeeded("step() needs a running episode: call reset() first")
        index = check_action(action, self.config.num_proposals)
        transition = self.episodes.step(np.array([index]))  # arrays of shape (1,)
        terminated = bool(transition.terminated[0])
        self._running, self._last_action = not terminated, index
        self._show()
        obs, info = self._observe()
        return obs, float(transition.reward[0]), terminated, False, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions are valid, shape (A,), bool."""
        return self.episodes.cache.mask[0].copy()  # the next step changes the original

    def render(self) -> Any:
        """Draw the last decision; None without a render mode, and with "human"."""
        if self.render_mode in (None, "human"):
            return None  # a window is drawn by `reset` and `step`
        frame = make_frame(self.episodes, 0, self._last_action)
        return render_rgb(frame) if self.render_mode == "rgb_array" else render_ansi(frame)

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Return the key of each proposal, for `gymnasium.utils.play`: 0 to 9, then a to z."""
        return {(ord(key),): a for a, key in enumerate(KEYS[: self.config.num_proposals])}

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the window, which a copy opens anew."""
        return {**self.__dict__, "_window": None}

    def _show(self) -> None:
        """Draw the last decision in a window, if the render mode is "human"."""
        if self.render_mode != "human":
            return
        if self._window is None:
            self._window = Window(self.metadata["render_fps"])
        self._window.show(render_rgb(make_frame(self.episodes, 0, self._last_action)))

    def _observe(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return observation and info."""
        obs = {key: value[0] for key, value in self.episodes.observe().items()}  # drops the axis N
        return obs, take_info(self.episodes.describe(), 0)


def take_info(infos: dict[str, NDArray[Any]], index: int) -> dict[str, Any]:
    """Copy the infos of one environment, numbers as Python numbers."""
    return {k: v.item(index) if v.ndim == 1 else v[index].copy() for k, v in infos.items()}


def check_action(action: Any, num_proposals: int) -> int:
    """Return an action as a Python int.

    Raises:
        ValueError: If it is not one integer in [0, num_proposals).
    """
    if not isinstance(action, int | np.integer) or isinstance(action, bool):  # True is an int
        array = np.asarray(action)
        if array.shape not in ((), (1,)) or not np.issubdtype(array.dtype, np.integer):
            raise ValueError(
                f"an action must be one integer in [0, {num_proposals}), got {show(action)}"
            )
        action = array.item()
    index = int(action)
    if not 0 <= index < num_proposals:
        raise ValueError(f"action {show(index)} is out of range [0, {num_proposals})")
    return index
