"""An agent that searches for the best code of each goal and then follows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.gcgen import GCGen
from agents.gcgen.search import beam_search
from gcgen_env.config import EnvConfig
from gcgen_env.vector_env import GCGenVectorEnv


class BeamAgent:
    """Plays the codes that a beam search finds for the goals; it ignores their prior."""

    def __init__(self, config: EnvConfig, width: int = 16) -> None:
        """Load the S-agent of an environment; `width` is the width of the beam."""
        env = GCGenVectorEnv(1, **vars(config))  # gives its configuration; it is never stepped
        self.model = GCGen("GCPolicy", env, s_agent=config.proposer, device="cpu")
        self.width = width

    def predict(
        self,
        observation: Any,
        state: NDArray[np.int64] | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the next actions, shape (N,), and the codes, shape (N, H), as the state."""
        if state is None:
            goal = torch.from_numpy(observation["desired_goal"])  # (N, *S)
            state = beam_search(self.model.chain, goal, self.width, prior=False).numpy()  # (N, H)
        h = np.rint(observation["step"][:, 0] * state.shape[1]).astype(np.int64)  # from h / H
        return state[np.arange(len(state)), h], state
