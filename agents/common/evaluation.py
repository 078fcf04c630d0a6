"""Evaluation of an agent over whole episodes, with action masks."""

from __future__ import annotations

import inspect
import math
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gcgen_env.vector_env import GCGenVectorEnv


class Agent(Protocol):
    """Anything with SB3's `predict`: an algorithm, a policy, a baseline."""

    def predict(
        self, observation: Any, state: Any, episode_start: Any, deterministic: bool
    ) -> tuple[NDArray[Any], Any]:
        """Return the actions (N,) for batched observations, and the next state."""
        ...


class EpisodeStats(NamedTuple):
    """Statistics of E episodes."""

    returns: NDArray[np.float64]
    """Sum of the rewards, shape (E,)."""
    gain: NDArray[np.float64]
    """Phi(x_H, g) - Phi(x_0, g), shape (E,), in nats."""
    distance: NDArray[np.float64]
    """Root mean squared error of the last image, shape (E,)."""
    success: NDArray[np.bool_]
    """Whether that distance counts as success, shape (E,)."""
    invalid_actions: NDArray[np.int64]
    """Number of invalid actions, shape (E,)."""
    goal: NDArray[np.float32]
    """Goals, shape (E, *S)."""
    image: NDArray[np.float32]
    """Last images, shape (E, *S)."""


def evaluate_agent(
    agent: Agent,
    envs: GCGenVectorEnv,
    num_episodes: int,
    seed: int | None = 0,
    deterministic: bool = False,
) -> EpisodeStats:
    """Run an agent for whole episodes.

    The agents of this package read the mask from the observation. An agent whose `predict` has
    an argument `action_masks`, such as MaskablePPO, receives them. Other agents may select
    invalid actions, which `invalid_actions` counts.

    Args:
        agent: Selects the actions.
        envs: In any autoreset mode; every episode begins with a call of `reset`.
        num_episodes: E.
        seed: Seed of the goals; the agent makes its own draws.
        deterministic: Passed to `predict`.

    Raises:
        ValueError: If `num_episodes` is not positive.
    """
    if num_episodes < 1:
        raise ValueError(f"num_episodes must be at least 1, got {num_episodes}")
    rounds = math.ceil(num_episodes / envs.num_envs)  # surplus episodes of the last are dropped
    seeds = [seed, *[None] * (rounds - 1)]  # None continues the generator of the first round
    stats = [_run_round(agent, envs, each, deterministic) for each in seeds]
    columns = (np.concatenate(column)[:num_episodes] for column in zip(*stats, strict=True))
    return EpisodeStats(*columns)


def _run_round(
    agent: Agent, envs: GCGenVectorEnv, seed: int | None, deterministic: bool
) -> EpisodeStats:
    """Run one episode in every environment; all of them end together, after H steps."""
    takes_masks = "action_masks" in inspect.signature(agent.predict).parameters  # as contrib's do
    obs, info = envs.reset(seed=seed)
    goal, image = obs["desired_goal"], obs["achieved_goal"]  # (N, *S)
    start, state = info["potential"], None  # Phi(x_0, g), (N,), in nats
    returns = np.zeros(envs.num_envs)  # float64, (N,)
    invalid = np.zeros(envs.num_envs, dtype=np.int64)
    for h in range(envs.config.horizon):
        masks = {"action_masks": envs.action_masks()} if takes_masks else {}
        begins = np.full(envs.num_envs, h == 0)  # where a recurrent policy clears its state
        action, state = agent.predict(obs, state, begins, deterministic, **masks)
        obs, reward, _, _, info = envs.step(action)
        last = info.get("final_info", info)  # SAME_STEP: `info` is of the next episode
        image = obs["achieved_goal"]  # (N, *S)
        if "final_obs" in info:  # SAME_STEP after the last decision: all N have ended
            image = np.stack([each["achieved_goal"] for each in info["final_obs"]])
        returns += reward
        invalid += last["invalid_action"]
    gain = last["potential"] - start  # (N,), in nats
    return EpisodeStats(returns, gain, last["distance"], last["is_success"], invalid, goal, image)
