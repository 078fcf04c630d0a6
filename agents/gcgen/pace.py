"""How fast an S-agent learns, if nothing else is chosen: this depends on what its proposals are."""

from __future__ import annotations

from typing import NamedTuple

from agents.gcgen.config import GCGenConfig
from gcgen_env.model.s_agent import SAgent


class Pace(NamedTuple):
    """The settings of an S-agent's gradient steps."""

    learning_rate: float
    """Learning rate, before the schedule."""
    weight_decay: float
    """Decay of the matrices."""
    minibatches: int
    """Parts of each roll-out, with a gradient step for each."""


PIXELS = Pace(6e-3, 0.1, 1)
"""The default for proposals of pixels."""
LINEAR_BASIS = Pace(6e-3, 4.0, 1)
"""The default for linear maps in a basis, which overfit large images easily."""
CODEBOOKS = Pace(2e-2, 0.1, 2)
"""The default for codebooks: their prior alone learns, of many states."""


def choose_pace(config: GCGenConfig, s_agent: SAgent) -> Pace:
    """Return what the configuration has, else the default of an S-agent."""
    if s_agent.basis is None:
        default = PIXELS
    else:
        default = LINEAR_BASIS if s_agent.network.config.groups is None else CODEBOOKS
    chosen = {name: getattr(config, name) for name in Pace._fields}
    return default._replace(**{name: each for name, each in chosen.items() if each is not None})
