"""The mode "code": the choices of a picture, one of them replaced, a slide to another code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from agents.studio.code_sheet import POSITIONS, find_code, replace_choice, suggest_choices, walk
from agents.studio.moves import read_number
from agents.studio.shared_model import Code, Image, SharedModel
from agents.studio.tiles import button, draw_big, draw_row, draw_steps, say


class CodeState(NamedTuple):
    """What a session knows in this mode."""

    model: str
    """Name of the model."""
    code: Code = ()
    """The code, of H choices; empty before there is one."""
    other: Code = ()
    """The code to slide to."""
    step: int = 0
    """The choice that can be replaced."""


def take_image(model: SharedModel, state: CodeState, image: Image, is_other: bool) -> CodeState:
    """Encode an image, as the code or as the one to slide to."""
    code = find_code(model, image)
    return state._replace(other=code) if is_other else state._replace(code=code)


def take_code(model: SharedModel, state: CodeState, code: Code) -> CodeState:
    """Take a code; one that is not complete is completed by the most probable choices."""
    return state._replace(code=model.complete([model.check(code)])[0])


def take_test_image(
    model: SharedModel, state: CodeState, rng: np.random.Generator, is_other: bool
) -> CodeState:
    """Encode an image of the test set, or draw one anew if that is not on this machine."""
    if model.has_goals:
        goals = model.load_goals()
        image = goals.take([int(rng.integers(len(goals)))])[0]
    else:
        image = model.s_agent.sample(1, int(rng.integers(2**31)))[0]
    return take_image(model, state, image, is_other)


def act(model: SharedModel, state: CodeState, event: Mapping[str, Any]) -> CodeState:
    """Return the state after a click: "digit" selects a choice, "replace" replaces it.

    Raises:
        ValueError: If the event is damaged.
    """
    what = event.get("what")
    if what == "digit":
        return state._replace(step=read_number(event, "value", model.horizon - 1))
    if what == "replace":
        action = read_number(event, "value", model.num_proposals - 1)
        return state._replace(code=replace_choice(model, state.code, state.step, action))
    if what == "go":  # a click on a state selects the choice that has led to it
        return state._replace(step=max(read_number(event, "value", model.horizon) - 1, 0))
    return state


def show(model: SharedModel, state: CodeState) -> tuple[str, str]:
    """Return the code with what can replace a choice, and the picture with its steps, as HTML."""
    if not state.code:
        return say("Take a picture, to see the choices that make it."), ""
    digits = "".join(_draw_digit(state, i) for i in range(len(state.code)))
    codes = suggest_choices(model, state.code, state.step)
    images = model.s_agent.decode(np.asarray(codes))
    actions = [code[state.step] for code in codes]
    events = [{"what": "replace", "value": action} for action in actions]
    captions = [f"choice {action}" for action in actions]
    text = f"Choice {state.step + 1} of {model.horizon} is {state.code[state.step]}."
    sheet = (
        f'{say(text)}<div class="digits" role="group" aria-label="code">{digits}</div>'
        "<h3>Replace it by one of the most probable others</h3>"
        f"{draw_row(model, images, captions, events)}"
    )
    image = model.show([state.code])[0]
    big = draw_big(model, image, f"{model.horizon} choices of {model.num_proposals} each")
    return sheet, big + draw_steps(model, state.code, len(state.code))


def slide(model: SharedModel, state: CodeState, position: int) -> str:
    """Return the walk to the other code, with the picture at a position, as HTML.

    Raises:
        ValueError: If the position is out of range.
    """
    if not state.code or not state.other:
        return say("Take a second picture with the button Slide to another picture.")
    if not 0 <= position < POSITIONS:
        raise ValueError(f"the position must lie in [0, {POSITIONS - 1}], got {position}")
    found = walk(model, state.code, state.other)
    code = " ".join(map(str, found.codes[position]))
    captions = [str(i) for i in range(POSITIONS)]
    row = draw_row(model, found.images, captions, None, position)
    return say(f"position {position}: {code}") + row


def _draw_digit(state: CodeState, index: int) -> str:
    """Return one choice of the code as a button."""
    kind = "digit now" if index == state.step else "digit"
    action = state.code[index]
    label = f"choice {index + 1} is {action}: replace it"
    return button(str(action), label, {"what": "digit", "value": index}, kind)
