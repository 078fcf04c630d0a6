"""The mode "copy": a goal, the gains of the proposals, and a score beside other players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from agents.studio.copying import Score, measure_gains, play_others, score
from agents.studio.draw_mode import draw_growth, is_complete
from agents.studio.drawing import Drawing
from agents.studio.given import read_painting, read_point
from agents.studio.moves import apply_event
from agents.studio.plane import draw_plane
from agents.studio.shared_model import Image, SharedModel
from agents.studio.tiles import draw_big, draw_board, draw_steps, picture, say

NO_GOAL = "Choose a goal first: from the test set, a picture of yours, or one that you draw here."
COLUMNS = (
    "gain: what was added to log p(goal | picture); code: -log p of the choices; "
    "difference: gain minus code. All are in nats."
)


class CopyState(NamedTuple):
    """What a session knows in this mode."""

    model: str
    """Name of the model."""
    goal: Image | None = None
    """What is to be copied, shape (*S)."""
    game: Drawing = Drawing()
    """The choices."""
    others: tuple[Score, ...] = ()
    """What the other players have reached; they play when the first game is complete."""


def set_goal(state: CopyState, goal: Image) -> CopyState:
    """Begin a game with a new goal."""
    return CopyState(state.model, goal)


def take_test_image(model: SharedModel, state: CopyState, rng: np.random.Generator) -> CopyState:
    """Begin a game with an image of the test set.

    Raises:
        ValueError: If the test set is not on this machine.
    """
    goals = model.load_goals()
    return set_goal(state, goals.take([int(rng.integers(len(goals)))])[0])


def take_painting(model: SharedModel, state: CopyState, event: Mapping[str, Any]) -> CopyState:
    """Begin a game with a drawing made on the pad."""
    return set_goal(state, read_painting(event, model))


def act(model: SharedModel, state: CopyState, event: Mapping[str, Any]) -> CopyState:
    """Return the state after a click or a key; see `apply_event`. The others play at the end.

    Raises:
        ValueError: If the event is damaged, or there is no goal yet.
    """
    if event.get("what") == "point":  # a click in the plane, beside the proposals
        return set_goal(state, read_point(event, model))
    if state.goal is None:
        raise ValueError("choose a goal first")
    state = state._replace(game=apply_event(model, state.game, event))
    if is_complete(model, state.game) and not state.others and state.goal is not None:
        return state._replace(others=tuple(play_others(model, state.goal)))
    return state


def show(model: SharedModel, state: CopyState) -> tuple[str, str]:
    """Return the proposals with their gains, and what stands beside them, as HTML."""
    board = model.look(state.game.code)
    if state.goal is None:
        text = "Click in the plane to set a goal." if model.is_plane else NO_GOAL
        return say(text) + (draw_plane(model, board, ()) if model.is_plane else ""), ""
    gains = measure_gains(model, board, state.goal)  # (V,)
    own = score(model, "you", state.game.code, state.goal)
    h = len(state.game.code)
    if is_complete(model, state.game):
        text = f"Complete: you have gained {own.gain:+.1f} nats."
    else:
        text = (
            f"Step {h + 1} of {model.horizon}: {own.gain:+.1f} nats so far. "
            f"Largest gain: {gains.max():+.1f} (green border)."
        )
    if model.is_plane:
        proposals, images = draw_plane(model, board, state.game.path, gains, state.goal), ""
    else:
        is_open = len(board.action) > 0  # a complete drawing has no proposals
        proposals = draw_board(model, board, gains) if is_open else draw_growth(model, state.game)
        images = (
            f'<div class="cells pair">{draw_big(model, state.goal, "goal")}'
            f"{draw_big(model, board.image, 'yours')}</div>"
        )
    scores = _draw_scores(model, [own, *state.others], h)
    return say(text) + proposals, images + scores + draw_steps(model, state.game.path, h)


def _draw_scores(model: SharedModel, scores: Sequence[Score], step: int) -> str:
    """Return a table of the scores, the best one first when the game is complete."""
    complete = step == model.horizon
    ordered = sorted(scores, key=lambda each: -each.gain) if complete else scores[:1]
    head = "<tr><th>player</th><th></th><th>gain</th><th>code</th><th>difference</th></tr>"
    rows = [_draw_score(model, each) for each in ordered]
    return f'<table class="scores">{head}{"".join(rows)}</table><p class="note">{COLUMNS}</p>'


def _draw_score(model: SharedModel, each: Score) -> str:
    """Return one row of the table."""
    image = picture(model, model.show([each.code])[0], f"picture of {each.player}")
    kind = ' class="you"' if each.player == "you" else ""
    figures = "".join(f"<td>{x:.1f}</td>" for x in (each.gain, each.cost, each.bound))
    return f'<tr{kind}><td>{escape(each.player)}</td><td class="mini">{image}</td>{figures}</tr>'
