"""An agent that searches for the best code of each goal and then follows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.gcgen.search import beam_search
from gcgen_env.vector_env import GCGenVectorEnv


class BeamAgent:
    """Plays the codes that a beam search finds for the goals; it ignores their prior."""

    def __init__(self, envs: GCGenVectorEnv, width: int = 16) -> None:
        """Take the chain of the environments; `width` is the width of the beam."""
        self.chain = envs.episodes.chain
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
            goal = torch.from_numpy(observation["desired_goal"]).to(self.chain.device)  # (N, *S)
            codes = beam_search(self.chain, goal, self.width, prior=False)  # (N, H)
            state = codes.cpu().numpy()
        h = np.rint(observation["step"][:, 0] * state.shape[1]).astype(np.int64)  # from h / H
        return state[np.arange(len(state)), h], state
