"""The mode "atlas": a tree of first choices that one walks along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from agents.studio.atlas import Twig, grow
from agents.studio.moves import read_number
from agents.studio.shared_model import Code, SharedModel
from agents.studio.tiles import button, draw_steps, format_share, picture, say


class AtlasState(NamedTuple):
    """What a session knows in this mode."""

    model: str
    """Name of the model."""
    root: Code = ()
    """The choices that lead to the root of the tree."""


def act(model: SharedModel, state: AtlasState, event: Mapping[str, Any]) -> AtlasState:
    """Return the state after a click: "root" makes a twig the root, "go" walks up again.

    Raises:
        ValueError: If the event is damaged.
    """
    what = event.get("what")
    if what == "back":
        return state._replace(root=state.root[:-1])
    if what == "go":
        return state._replace(root=state.root[: read_number(event, "value", len(state.root))])
    if what != "root" or not isinstance(event.get("code"), list):
        raise ValueError("the page has sent an unknown event: load it again")
    names = [str(i) for i in range(len(event["code"]))]
    numbers = dict(zip(names, event["code"], strict=True))
    code = tuple(read_number(numbers, name, model.num_proposals - 1) for name in names)
    return state._replace(root=model.check(code))


def show(model: SharedModel, state: AtlasState) -> str:
    """Return the tree as HTML."""
    limbs = "".join(_draw_limb(model, twig) for twig in grow(model, state.root))
    if not limbs:
        text = "This picture is complete. Go up again by the steps."
    else:
        text = (
            f"After {len(state.root)} of {model.horizon} choices: the most probable next ones, "
            "large, and beside each of them the most probable ones after it. Each picture is "
            "completed by the most probable choices. A click goes there."
        )
    steps = draw_steps(model, state.root, len(state.root))
    return f'{say(text)}{steps}<div class="atlas">{limbs}</div>'


def _draw_limb(model: SharedModel, twig: Twig) -> str:
    """Return a choice, and the choices after it."""
    twigs = "".join(_draw_twig(model, each) for each in twig.twigs)
    return f'<div class="limb">{_draw_twig(model, twig)}<div class="twigs">{twigs}</div></div>'


def _draw_twig(model: SharedModel, twig: Twig) -> str:
    """Return a choice as a button that makes it the root."""
    share = format_share(twig.probability)
    label = f"choice {twig.code[-1]} at step {len(twig.code)}, probability {share}"
    content = f"{picture(model, twig.image)}<span class='caption'>{share}</span>"
    return button(content, label, {"what": "root", "code": list(twig.code)})
