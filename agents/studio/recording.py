"""Records the games that people play as a Minari data set of human demonstrations."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from agents.common.versions import find_versions
from agents.offline.collect import Round, play
from agents.offline.minari_writer import writing_dataset
from agents.studio.shared_model import Code, Image
from gcgen_env.vector_env import GCGenVectorEnv


class CodePlayer:
    """Plays given codes, one for each environment."""

    def __init__(self, codes: NDArray[np.int64]) -> None:
        """Store the codes, shape (N, H)."""
        self.codes = codes

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, _: bool = True
    ) -> tuple[NDArray[np.int64], int]:
        """Return the next choices, shape (N,), and the number of choices made as the state."""
        step = 0 if state is None else int(state)
        return self.codes[:, step], step + 1


class Recorder:
    """Plays finished games again in the environment, and writes all of them after each one."""

    def __init__(self, root: Path, name: str, spec: EnvSpec, digest: str) -> None:
        """Prepare a data set.

        Args:
            root: Folder of all data sets.
            name: Name of the data set; one of this name is replaced.
            spec: Specification of the environment, in compact mode, with the model's S-agent as
                its proposer.
            digest: That of the model whose games are recorded.
        """
        self.digest = digest
        self.root, self.name, self.spec = root, name, spec
        self._envs = GCGenVectorEnv(1, autoreset_mode="Disabled", **spec.kwargs)
        self._rounds: list[Round] = []
        self._lock = threading.Lock()

    @property
    def num_episodes(self) -> int:
        """Number of games recorded so far."""
        return len(self._rounds)

    def add(self, code: Code, goal: Image) -> int:
        """Record a complete game; return the number of games recorded so far.

        Args:
            code: The choices, H of them.
            goal: The goal, shape (*S).

        Raises:
            OSError: If the data set cannot be written; the games stay in memory.
        """
        with self._lock:
            player = CodePlayer(np.asarray([code], np.int64))
            number = len(self._rounds)  # the seed: every game has its own
            self._rounds.append(play(player, self._envs, [number], {"goal": goal}))
            self._write()
            return len(self._rounds)

    def _write(self) -> None:
        """Write all games; the data set is replaced as a whole."""
        with writing_dataset(self.root, self.name, self.spec) as writer:
            writer.describe(
                algorithm_name="human",
                description=f"{len(self._rounds)} episodes of {self.spec.id} played by people",
                gcgen={"versions": find_versions()},
            )
            for played in self._rounds:
                writer.add(played)
