"""An agent that searches for the code of each goal and then follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gcgen_env.model.chain import Chain


class SearchAgent:
    """Plays the codes that a search finds for the goals; it ignores their prior."""

    def __init__(self, chain: Chain, search: Callable[[Chain, Tensor], Tensor]) -> None:
        """Store the chain of an environment; `search` maps goals (B, *S) to codes (B, H)."""
        self.chain = chain
        self.search = search

    def predict(
        self,
        observation: Any,
        state: NDArray[np.int64] | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the next actions, shape (N,), and the codes, shape (N, H), as the state.

        All N episodes begin together: pass no state at their first step.
        """
        if state is None:
            goal = torch.from_numpy(observation["desired_goal"]).to(self.chain.device)  # (N, *S)
            state = self.search(self.chain, goal).cpu().numpy()  # (N, H)
        h = np.rint(observation["step"][:, 0] * state.shape[1]).astype(np.int64)  # from h / H
        return state[np.arange(len(state)), h], state
