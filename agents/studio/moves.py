"""What a click or a key does to a drawing; events come from browsers and are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.studio.drawing import Drawing
from agents.studio.shared_model import SharedModel


def read_number(event: Mapping[str, Any], name: str, most: int) -> int:
    """Return an entry of an event.

    Raises:
        ValueError: If it is not a whole number in [0, most].
    """
    value = event.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"the page has sent no valid {name}: load it again")
    return value


def apply_event(model: SharedModel, drawing: Drawing, event: Mapping[str, Any]) -> Drawing:
    """Return the drawing after a click or a key.

    Args:
        model: The model that proposes.
        drawing: The drawing before.
        event: "what" says what to do: "choose" the proposal "value" at "step", "go" to the step
            "value", "branch" to branch "value", "back", "forward" or "begin".

    Raises:
        ValueError: If the event is damaged, or the proposal is invalid.
    """
    what = event.get("what")
    if what == "choose":
        step = read_number(event, "step", model.horizon)
        if step != len(drawing.code) or step == model.horizon:
            return drawing  # the second click on a tile that has already been replaced
        return choose(model, drawing, read_number(event, "value", model.num_proposals - 1))
    if what == "go":
        return drawing.go_to(read_number(event, "value", model.horizon))
    if what == "branch":
        return drawing.switch(read_number(event, "value", len(drawing.branches)))
    moves = {"back": drawing.back, "forward": drawing.forward, "begin": drawing.begin}
    if what not in moves:
        raise ValueError("the page has sent an unknown event: load it again")
    return moves[what]()


def choose(model: SharedModel, drawing: Drawing, action: int) -> Drawing:
    """Choose a proposal.

    Raises:
        ValueError: If it is invalid in this state.
    """
    if model.find_prior(drawing.code)[action] <= 0:
        raise ValueError(f"proposal {action} is invalid here: choose another one")
    return drawing.choose(action)


def sample_choice(model: SharedModel, drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """Draw the next choice from p_S; a complete drawing stays as it is."""
    if len(drawing.code) == model.horizon:
        return drawing
    prior = model.find_prior(drawing.code)  # (A,)
    return drawing.choose(int(rng.choice(len(prior), p=prior / prior.sum())))
