"""Codes to look at: one choice changed, and a walk from one code to another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.codec.edits import change_choice, mix_ends
from agents.studio.shared_model import Code, Image, SharedModel

POSITIONS = 9
"""Number of codes of a walk, the two ends included."""


class Walk(NamedTuple):
    """Codes between two codes."""

    codes: list[Code]
    """The codes, from the first to the second."""
    images: Image
    """Their images, shape (POSITIONS, *S)."""


def find_code(model: SharedModel, image: Image) -> Code:
    """Return the code of an image (*S)."""
    return tuple(model.encode(image[None])[0].tolist())


def replace_choice(model: SharedModel, code: Code, step: int, action: int) -> Code:
    """Return a code with one choice replaced, and all others kept.

    Raises:
        ValueError: If there is no such choice or proposal.
    """
    if not 0 <= step < len(code):
        raise ValueError(f"there is no choice {step}: the code has {len(code)}")
    return model.check((*code[:step], action, *code[step + 1 :]))


def suggest_choices(model: SharedModel, code: Code, step: int, num: int = 8) -> list[Code]:
    """Return a complete code with one choice replaced by the most probable others."""
    most = min(num, model.num_proposals - 1)
    return [tuple(each) for each in change_choice(model.s_agent, code, step, most).tolist()]


def walk(model: SharedModel, start: Code, end: Code) -> Walk:
    """Walk from one complete code to another: canvases between theirs are encoded."""
    goals = mix_ends(model.s_agent, [start, end], POSITIONS)  # (POSITIONS, *S)
    between = [tuple(code) for code in model.encode(goals[1:-1]).tolist()]
    codes = [start, *between, end]
    return Walk(codes, model.s_agent.decode(np.asarray(codes)))
