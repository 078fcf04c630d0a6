"""The names of the behaviour policies of data sets; they are read without importing torch."""

from __future__ import annotations

from typing import Literal

Behaviour = Literal["random", "greedy", "beam", "mixed"]
"""Names of the behaviour policies."""
MIXTURE: tuple[Behaviour, ...] = ("random", "random", "greedy", "beam")
"""Who plays episode i of a "mixed" data set: the entry at i modulo 4."""


def list_players(behaviour: Behaviour) -> tuple[Behaviour, ...]:
    """Return the behaviours that play the episodes in turn: the mixture, or one alone."""
    return MIXTURE if behaviour == "mixed" else (behaviour,)
