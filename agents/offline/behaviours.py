"""The behaviour policies of data sets, one for all episodes or several in turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines import GreedyAgent, RandomAgent
from agents.common.evaluation import Agent
from agents.gcgen.search import beam_search
from agents.gcgen.search_agent import SearchAgent
from agents.offline.behaviour_names import Behaviour, list_players
from gcgen_env.vector_env import GCGenVectorEnv


class TurnTaking:
    """Lets several agents play the episodes of a batch in turn: agent i plays i, i + K, ..."""

    def __init__(self, agents: Sequence[Agent]) -> None:
        """Store the K agents."""
        self.agents = agents

    def predict(
        self,
        observation: Any,
        state: list[Any] | None = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[np.int64], list[Any]]:
        """Return the actions, shape (N,), and the states of the agents; N is at least K."""
        count = len(self.agents)  # K
        states = [None] * count if state is None else list(state)
        actions = np.zeros(len(observation["step"]), dtype=np.int64)  # (N,)
        for i, agent in enumerate(self.agents):
            own = {key: value[i::count] for key, value in observation.items()}
            starts = None if episode_start is None else episode_start[i::count]
            actions[i::count], states[i] = agent.predict(own, states[i], starts, deterministic)
        return actions, states


def make_behaviour(
    name: Behaviour, envs: GCGenVectorEnv, seed: int | None = None, width: int = 16
) -> TurnTaking:
    """Make a behaviour policy.

    Args:
        name: "random" selects uniformly among the valid proposals, "greedy" the proposal of
            largest potential, "beam" follows a beam search, "mixed" is `MIXTURE`.
        envs: The environments it plays; "greedy" needs `obs_mode="pixels"`.
        seed: Seed of the random draws.
        width: Width of the beam.

    Raises:
        ValueError: If observations show no proposals, and "greedy" needs them.
    """
    search = partial(beam_search, width=width, prior=False)
    makers = {
        "random": lambda: RandomAgent(seed),
        "greedy": lambda: GreedyAgent(envs),
        "beam": lambda: SearchAgent(envs.episodes.chain, search),
    }
    made: dict[str, Any] = {player: makers[player]() for player in set(list_players(name))}
    # Two entries of one name share an agent: their draws differ, as those of two rows do.
    return TurnTaking([made[player] for player in list_players(name)])


def find_obs_mode(name: Behaviour) -> str:
    """Return the observation mode that a behaviour policy needs."""
    return "pixels" if "greedy" in list_players(name) else "compact"
