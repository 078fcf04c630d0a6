"""Copying a goal: how much each proposal gains, and the score beside other players."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.gcgen.search import beam_search
from agents.studio.shared_model import Board, Code, Image, SharedModel

SEARCH_WIDTH = 16
"""Width of the beam search that one plays against."""


class Score(NamedTuple):
    """How well a player has copied a goal."""

    player: str
    """Who has played."""
    code: Code
    """The choices."""
    gain: float
    """log p(g | x) - log p(g | x_0), in nats: the return of the environment."""
    cost: float
    """-log p_S(code), in nats: how improbable the choices were."""

    @property
    def bound(self) -> float:
        """Gain minus cost, in nats; the higher, the shorter the code and the rest together."""
        return self.gain - self.cost


def measure_potential(model: SharedModel, images: Image, goal: Image) -> NDArray[np.float64]:
    """Return log p(g | x) of images (B, *S), shape (B,), in nats."""
    return model.likelihood.potential(images, np.broadcast_to(goal, images.shape))


def measure_gains(model: SharedModel, board: Board, goal: Image) -> NDArray[np.float64]:
    """Return how much each proposal of a board raises log p(g | x), shape (V,), in nats."""
    if not len(board.images):
        return np.zeros(0)
    before = measure_potential(model, board.image[None], goal)
    return measure_potential(model, board.images, goal) - before


def score(model: SharedModel, player: str, code: Code, goal: Image) -> Score:
    """Measure a code, or the first choices of one."""
    ends = measure_potential(model, model.show([(), code]), goal)  # of x_0 and x_h
    return Score(player, code, float(ends[1] - ends[0]), model.measure_cost(code))


def play_others(model: SharedModel, goal: Image) -> list[Score]:
    """Let greedy, the search and the GC-agent copy a goal.

    Greedy takes the largest gain of each step; the search keeps the 16 best partial paths.
    Neither counts the probabilities; the GC-agent does.
    """
    greedy = model.search(goal, beam_search, width=1, prior=False)
    wide = model.search(goal, beam_search, width=SEARCH_WIDTH, prior=False)
    selected = tuple(model.encode(goal[None])[0].tolist())
    codes = {"greedy": greedy, "search": wide, "GC-agent": selected}
    return [score(model, player, code, goal) for player, code in codes.items()]
