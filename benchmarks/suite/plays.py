"""Plays the goals of the evaluation as the references do, and keeps every canvas."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.benchmark.references import make_evaluation, make_players
from agents.benchmark.tasks import EPISODES, SEED
from agents.common.evaluation import Agent, evaluate_agent
from gcgen_env.rewards import measure
from gcgen_env.vector_env import GCGenVectorEnv

FILE = Path(__file__).parents[2] / "docs" / "data" / "suite_plays.csv"
"""Means over the goals, for each reference and step."""
FIELDS = ("env", "play", "decisions", "gain", "distance", "same_choice")


class Play(NamedTuple):
    """What one reference does for E goals."""

    goal: NDArray[np.float32]
    """Goals, shape (E, *S)."""
    images: NDArray[np.float32]
    """The images of x_0 to x_H, shape (E, H + 1, *S)."""
    code: NDArray[np.int64]
    """The choices, shape (E, H)."""
    gain: NDArray[np.float64]
    """Phi(x_h, g) - Phi(x_0, g), shape (E, H + 1), in nats."""
    distance: NDArray[np.float64]
    """Distances of the images to the goals, shape (E, H + 1), in image units."""


class _Recorder:
    """Passes on what an agent chooses, and keeps it with the image that it sees."""

    def __init__(self, agent: Agent) -> None:
        """Store the agent."""
        self.agent = agent
        self.images: list[NDArray[np.float32]] = []  # each (N, *S)
        self.actions: list[NDArray[np.int64]] = []  # each (N,)

    def predict(
        self, observation: Any, state: Any, episode_start: Any, deterministic: bool
    ) -> tuple[NDArray[Any], Any]:
        """Return the agent's choices."""
        action, state = self.agent.predict(observation, state, episode_start, deterministic)
        self.images.append(observation["achieved_goal"])
        self.actions.append(action)
        return action, state


def play_references(env: str, episodes: int = EPISODES) -> dict[str, Play]:
    """Play the first goals of the evaluation of a task; return the play of each reference."""
    envs = make_evaluation(env, min(episodes, 64), obs_mode="pixels")
    return {
        name: _play(agent, envs, episodes, name != "random")
        for name, agent in make_players(env, envs).items()
    }


def _play(agent: Agent, envs: GCGenVectorEnv, episodes: int, deterministic: bool) -> Play:
    """Play `episodes` goals, a multiple of the number of environments."""
    recorder, horizon = _Recorder(agent), envs.config.horizon
    stats = evaluate_agent(recorder, envs, episodes, SEED, deterministic)
    seen = _by_episode(recorder.images, horizon)  # (E, H, *S)
    images = np.concatenate([seen, stats.image[:, None]], 1)  # (E, H + 1, *S)
    likelihood = envs.episodes.chain.likelihood
    measures = [measure(likelihood, images[:, h], stats.goal) for h in range(horizon + 1)]
    potential, distance = (np.stack(each, 1) for each in zip(*measures, strict=True))
    code = _by_episode(recorder.actions, horizon)
    return Play(stats.goal, images, code, potential - potential[:, :1], distance)


def _by_episode(steps: list[NDArray[Any]], horizon: int) -> NDArray[Any]:
    """Arrange what rounds of N episodes recorded in H steps, each (N, ...), as (E, H, ...)."""
    rounds = [np.stack(steps[i : i + horizon], 1) for i in range(0, len(steps), horizon)]
    return np.concatenate(rounds)


def summarise_plays(env: str, plays: dict[str, Play]) -> list[dict[str, Any]]:
    """Return a row for each reference and number of decisions.

    The last column is the share of goals for which the decision that led there is that of the
    best known code.
    """
    best, rows = plays["best"].code, []
    for name, play in plays.items():
        same = (play.code == best).mean(0)  # (H,)
        for h in range(play.gain.shape[1]):
            values = (f"{play.gain[:, h].mean():.4f}", f"{play.distance[:, h].mean():.5f}")
            share = f"{same[h - 1]:.4f}" if h else ""
            rows.append(dict(zip(FIELDS, (env, name, h, *values, share), strict=True)))
    return rows


def read_rows(path: Path = FILE) -> list[dict[str, str]]:
    """Return the rows of the table; there are none before it is written."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(rows: list[dict[str, Any]], path: Path = FILE) -> None:
    """Write the rows, and keep those of other tasks."""
    new = {row["env"] for row in rows}
    kept = [row for row in read_rows(path) if row["env"] not in new]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])
