"""The modes "draw" and "let it draw": the state of a session, and what the page shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from agents.studio.drawing import Drawing
from agents.studio.moves import apply_event, sample_choice
from agents.studio.plane import draw_plane
from agents.studio.saved import describe_code
from agents.studio.shared_model import SharedModel
from agents.studio.tiles import draw_big, draw_board, draw_branches, draw_row, draw_steps, say


class DrawState(NamedTuple):
    """What a session knows in these modes."""

    model: str
    """Name of the model."""
    drawing: Drawing = Drawing()
    """The drawing."""


def act(model: SharedModel, state: DrawState, event: Mapping[str, Any]) -> DrawState:
    """Return the state after a click or a key; see `apply_event`."""
    if event.get("what") == "point":
        return state  # a click beside the proposals of a plane
    return state._replace(drawing=apply_event(model, state.drawing, event))


def draw_on(model: SharedModel, state: DrawState, rng: np.random.Generator) -> DrawState:
    """Let the S-agent make the next choice."""
    return state._replace(drawing=sample_choice(model, state.drawing, rng))


def is_complete(model: SharedModel, drawing: Drawing) -> bool:
    """Return whether a drawing has all its H choices."""
    return len(drawing.code) == model.horizon


def draw_growth(model: SharedModel, drawing: Drawing) -> str:
    """Return all states of a drawing as large pictures."""
    images = model.show([drawing.code[:h] for h in range(len(drawing.code) + 1)])
    captions = ["initial image", *(f"step {h}" for h in range(1, len(images)))]
    return draw_row(model, images, captions, large=True)


def show(model: SharedModel, state: DrawState) -> tuple[str, str]:
    """Return the proposals, and what stands beside them, as HTML."""
    drawing = state.drawing
    board = model.look(drawing.code)
    h, num = len(drawing.code), len(board.action)
    if is_complete(model, drawing):
        text = f"Complete after {h} choices. Go back to any step and take another branch."
    else:
        text = (
            f"Step {h + 1} of {model.horizon}: choose one of {num} proposals, "
            "the most probable first."
        )
    if model.is_plane:
        proposals, big = draw_plane(model, board, drawing.path), ""
    else:
        proposals = draw_board(model, board) if len(board.action) else draw_growth(model, drawing)
        big = draw_big(model, board.image, f"after {h} of {model.horizon} choices")
    cost = model.measure_cost(drawing.code) / np.log(2)
    code = f'<p class="note">code {describe_code(drawing)}, {cost:.1f} bits</p>'
    steps = draw_steps(model, drawing.path, h)
    return say(text) + proposals, big + code + steps + draw_branches(model, drawing.branches)
