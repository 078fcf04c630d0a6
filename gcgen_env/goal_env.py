"""What the single and the vector environment share: goal methods, spaces and render modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from gcgen_env.config import EnvConfig, make_config
from gcgen_env.episodes import Episodes
from gcgen_env.messages import show
from gcgen_env.proposal_cache import draw_next
from gcgen_env.spaces import make_observation_space

RENDER_MODES = ("rgb_array", "ansi")
PREVIOUS = "previous_achieved_goal"
"""Key of `info` that holds the image before the step."""


class GoalEnvMixin:
    """The goal methods of Gymnasium-Robotics' `GoalEnv`, for one transition or a batch."""

    config: EnvConfig
    episodes: Episodes
    _episodes_class: type[Any] = Episodes
    render_mode: str | None
    _generators: list[np.random.Generator] | None = None
    """One for each environment, if it has its own seed."""
    _spec: EnvSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """Gymnasium's specification of the environment, whose `max_episode_steps` is H.

        The registered specifications have none: Gymnasium would cut episodes at the number
        registered, whatever the horizon, and report a truncation beside each termination.
        """
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = copy(spec)  # of the caller's own
        if self._spec is not None:
            self._spec.max_episode_steps = self.config.horizon
            kwargs = self._spec.kwargs  # `make_vec` puts the limit of a specification here
            self._spec.kwargs = {k: v for k, v in kwargs.items() if k != "max_episode_steps"}

    def _build(
        self,
        num_envs: int,
        render_mode: str | None,
        modes: tuple[str, ...],
        kwargs: dict[str, Any],
    ) -> tuple[spaces.Dict, spaces.Discrete]:
        """Build the episodes; return the spaces of one environment."""
        if render_mode not in (None, *modes):
            known = ", ".join(map(repr, modes))
            raise ValueError(f"render_mode must be None or one of {known}; got {show(render_mode)}")
        self.render_mode = render_mode
        self.episodes = self._episodes_class(make_config(**kwargs), num_envs)
        self.config = self.episodes.config
        likelihood, num = self.episodes.chain.likelihood, self.config.num_proposals
        shape, mode, scale = self.episodes.shape, self.config.obs_mode, self.config.reward_scale
        space = make_observation_space(likelihood, shape, num, mode, scale)
        return space, spaces.Discrete(num)

    def compute_reward(
        self, achieved_goal: Any, desired_goal: Any, info: Any
    ) -> NDArray[np.float64] | float:
        """Compute rewards for any achieved and desired goals; changes no state.

        Args:
            achieved_goal: Image after the transition (*S), or a batch (B, *S).
            desired_goal: Goal, in the same shape.
            info: One dict, or a list or object array of B dicts. The potential reward reads
                "previous_achieved_goal" from it.

        Returns:
            A float for one image, else float64 (B,).

        Raises:
            ValueError: If shapes do not fit, a value is not finite, or the previous image is
                missing.
        """
        achieved, desired, single = self._check_goals(achieved_goal, desired_goal)  # (B, *S) both
        for name, images in (("achieved_goal", achieved), ("desired_goal", desired)):
            _check_finite(name, images)
        rewards, previous = self.episodes.reward, None
        if rewards.needs_previous:
            previous = _read_previous(info, achieved.shape)
        reward = rewards.compute(achieved, desired, previous)  # (B,)
        return float(reward[0]) if single else reward

    def compute_terminated(
        self, achieved_goal: Any, desired_goal: Any, info: Any
    ) -> NDArray[np.bool_] | bool:
        """Return whether `info["step"]` has reached the horizon; the goals have no influence."""
        achieved, _, single = self._check_goals(achieved_goal, desired_goal)
        steps = _read_steps(info, len(achieved))
        over = np.zeros(len(achieved), bool) if steps is None else steps >= self.config.horizon
        return bool(over[0]) if single else over

    def compute_truncated(
        self, achieved_goal: Any, desired_goal: Any, info: Any
    ) -> NDArray[np.bool_] | bool:
        """Return False: episodes end at the horizon, which belongs to the task."""
        achieved, _, single = self._check_goals(achieved_goal, desired_goal)
        return False if single else np.zeros(len(achieved), dtype=bool)

    @torch.no_grad()
    def compute_proposals(self, observation: Any, step: Any) -> NDArray[np.float32]:
        """Compute the proposals in any states, as images of the next states.

        A replay buffer that stores images and steps recomputes the proposals with this method.
        They are equal to those observed, up to rounding, unless the canvas is outside the
        bounds of its image.

        Args:
            observation: Images of the states, shape (B, *S).
            step: h / H as in observations, shape (B,).

        Returns:
            Images, shape (B, A, *S), float32; A copies of the final image where h = H.

        Raises:
            ValueError: If shapes do not fit.
        """
        episodes, horizon = self.episodes, self.config.horizon
        image = np.asarray(observation, dtype=np.float32)  # (B, *S)
        progress = np.asarray(step, dtype=np.float32)  # (B,), h / H
        if image.shape != (*progress.shape, *episodes.shape) or progress.ndim != 1:
            raise ValueError(
                f"expected images (B, {str(episodes.shape)[1:]} and B steps, got {image.shape} and "
                f"{progress.shape}"
            )
        _check_finite("observation", image)
        if not ((progress >= 0) & (progress <= 1)).all():  # also true for NaN
            raise ValueError("step must be h / H, between 0 and 1, as in observations")
        h = torch.from_numpy(progress * horizon).round().long().to(episodes.device)  # (B,)
        chain = episodes.chain
        canvas = chain.likelihood.to_canvas(torch.from_numpy(image).to(episodes.device))
        h_valid = h.clamp_max(horizon - 1)  # there is no rate for h = H
        _, values = chain.next_images(chain.propose(canvas, h_valid), h_valid)  # (B, A, P)
        own = chain.compress(chain.likelihood.mean(canvas)).unsqueeze(1)  # (B, 1, P)
        values = torch.where((h >= horizon).view(-1, 1, 1), own, values)  # (B, A, P)
        return draw_next(chain, values, image)

    def _check_goals(
        self, achieved_goal: Any, desired_goal: Any
    ) -> tuple[NDArray[Any], NDArray[Any], bool]:
        """Return both goals as batches (B, *S), and whether they were single images."""
        shape = self.episodes.shape
        achieved, desired = np.asarray(achieved_goal), np.asarray(desired_goal)
        single = achieved.shape == shape
        if achieved.shape != desired.shape or achieved.shape[not single :] != shape:
            raise ValueError(
                f"goals must both have shape {shape} or (B, {str(shape)[1:]}, got "
                f"{achieved.shape} and {desired.shape}"
            )
        return (achieved[None], desired[None], True) if single else (achieved, desired, False)


def _gather_info(info: Any, key: str, num: int) -> Any:
    """Read one key from the infos of `num` transitions.

    Args:
        info: A dict of batched entries, or a list or object array of `num` dicts.
        key: The key.
        num: B.

    Returns:
        The dict's entry or None; or a list with the entry of each dict or None.
    """
    if isinstance(info, Mapping):
        return info.get(key)  # batched already
    if not isinstance(info, Sequence | np.ndarray) or np.ndim(info) == 0:
        raise ValueError(f"info must be a dict, a list or an array of dicts, got {type(info)}")
    if len(info) != num:
        raise ValueError(f"info must have one dict for each of the {num} goals, got {len(info)}")
    for each in info:
        if not isinstance(each, Mapping):
            raise ValueError(
                f"info must be a dict, a list or an array of dicts, got a {type(each)}"
            )
    return [each.get(key) for each in info]


def _read_steps(info: Any, num: int) -> NDArray[Any] | None:
    """Return the steps h of `num` transitions, shape (B,), or None if no info has "step"."""
    step = _gather_info(info, "step", num)
    if isinstance(info, Mapping) and step is None:
        return None
    if not isinstance(info, Mapping):
        absent = sum(each is None for each in step)
        if absent == num:
            return None
        if absent:
            raise ValueError(f"info['step'] must be in all infos or in none, {absent} lack it")
    steps = _to_array(step)
    if steps is None or steps.dtype.kind not in "iuf" or steps.shape not in ((), (num,)):
        raise ValueError(f"info['step'] must be one number for each of the {num} goals, got {step}")
    return np.broadcast_to(steps, (num,))  # one step may hold for all


def _read_previous(info: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the images before the transitions as float32 (B, *S), or raise a ValueError.

    A list holds one image (*S) for each transition; any other value is the batch, or one image
    if B is 1.
    """
    previous = _gather_info(info, PREVIOUS, shape[0])
    if previous is None or (isinstance(previous, list) and any(p is None for p in previous)):
        raise ValueError(
            f"the potential reward needs the image before the step: info[{PREVIOUS!r}] is absent. "
            "With hindsight replay, use GoalReplayBuffer of the agents package, or HerReplayBuffer "
            "with copy_info_dict=True"
        )
    if isinstance(previous, list) and not previous:
        return np.zeros(shape, dtype=np.float32)  # an empty batch
    images = _to_array(previous)  # a list is stacked to (B, *S)
    if images is None or images.dtype.kind not in "biuf":
        raise ValueError(f"info[{PREVIOUS!r}] must be images of shape {shape[1:]}, all of numbers")
    if shape[0] == 1 and images.shape == shape[1:]:
        images = images[None]
    if images.shape != shape:
        raise ValueError(
            f"info[{PREVIOUS!r}] must have the goals' shape, {shape} in all, got {images.shape}"
        )
    _check_finite(f"info[{PREVIOUS!r}]", images)
    return images.astype(np.float32, copy=False)


def _check_finite(name: str, images: NDArray[Any]) -> None:
    """Raise a ValueError unless all values are finite numbers."""
    if images.dtype.kind not in "biuf" or not np.isfinite(images).all():  # bool, integers, floats
        raise ValueError(f"{name} must hold finite numbers, got NaN, infinity or {images.dtype}")


def _to_array(value: Any) -> NDArray[Any] | None:
    """Return a value as an array, None if its parts differ in shape."""
    try:
        return np.asarray(value)
    except ValueError:  # NumPy's error for parts of different shapes
        return None
