"""Collects whole episodes of a behaviour policy on the batched environment."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.common.evaluation import Agent
from agents.common.memory import PROPOSALS
from gcgen_env.vector_env import GCGenVectorEnv

INFOS = ("goal_index", "potential", "is_success")
"""Entries of the info that are kept."""
NUM_ENVS = 128
"""Number of episodes played at once; a multiple of the length of `MIXTURE`."""

Arrays = dict[str, NDArray[Any]]


class Round(NamedTuple):
    """E episodes of H steps."""

    seed: list[int]
    """Seed of each episode: `reset(seed=...)` of a single environment draws the same goal."""
    observations: Arrays
    """Each of shape (E, H + 1, ...), without proposals."""
    actions: NDArray[np.int64]
    """Shape (E, H)."""
    rewards: NDArray[np.float64]
    """Shape (E, H)."""
    infos: Arrays
    """The entries `INFOS`, each of shape (E, H + 1)."""


def draw_seeds(num: int, seed: int) -> list[int]:
    """Return the seeds of episodes, below 2**63; a longer list begins with a shorter one."""
    words = np.random.SeedSequence(seed).generate_state(num, np.uint64)
    return (words >> np.uint64(1)).tolist()


def collect_episodes(
    agent: Agent, envs: GCGenVectorEnv, num_episodes: int, seed: int
) -> Iterator[Round]:
    """Play episodes, a batch at a time.

    Args:
        agent: The behaviour policy; it samples, and starts each round without a state.
        envs: In DISABLED autoreset mode.
        num_episodes: E, in all rounds together.
        seed: Seed of the goals.

    Yields:
        Rounds of at most `envs.num_envs` episodes.
    """
    size = envs.num_envs
    seeds = draw_seeds(size * math.ceil(num_episodes / size), seed)
    for first in range(0, num_episodes, size):  # surplus episodes of the last round are dropped
        played = play(agent, envs, seeds[first : first + size])
        yield _take(played, min(size, num_episodes - first))


def play(
    agent: Agent, envs: GCGenVectorEnv, seeds: list[int], options: dict[str, Any] | None = None
) -> Round:
    """Play one episode in every environment; all of them end together, after H steps.

    Args:
        agent: Who plays; it samples.
        envs: N environments in DISABLED autoreset mode.
        seeds: Seed of each episode.
        options: Those of `reset`, such as a goal.
    """
    obs, info = envs.reset(seed=seeds, options=options)
    state: Any = None
    observations, infos = [_keep(obs)], [_select(info)]
    actions, rewards = [], []
    for h in range(envs.config.horizon):
        action, state = agent.predict(obs, state, np.full(envs.num_envs, h == 0), False)
        obs, reward, _, _, info = envs.step(action)
        observations.append(_keep(obs))
        infos.append(_select(info))
        actions.append(action)
        rewards.append(reward)
    columns = np.stack(actions, 1), np.stack(rewards, 1)  # (N, H) both
    return Round(seeds, _stack(observations), *columns, _stack(infos))


def _keep(obs: Arrays) -> Arrays:
    """Return observations without the proposals, as compact environments make them."""
    return {key: value for key, value in obs.items() if key != PROPOSALS}


def _select(info: dict[str, Any]) -> Arrays:
    """Return the entries of infos that are kept."""
    return {key: info[key] for key in INFOS}


def _stack(rows: list[Arrays]) -> Arrays:
    """Stack H + 1 dictionaries of arrays (N, ...) to arrays (N, H + 1, ...)."""
    return {key: np.stack([row[key] for row in rows], axis=1) for key in rows[0]}


def _take(played: Round, num: int) -> Round:
    """Return the first episodes of a round."""
    observations, infos = (
        {key: value[:num] for key, value in each.items()}
        for each in (played.observations, played.infos)
    )
    actions, rewards = played.actions[:num], played.rewards[:num]
    return Round(played.seed[:num], observations, actions, rewards, infos)
