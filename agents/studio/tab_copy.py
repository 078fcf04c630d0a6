"""The tab "Copy": choose a goal, see what each proposal gains, and play against others."""

from __future__ import annotations

import gradio as gr

from agents.studio import copy_mode
from agents.studio.copy_mode import CopyState
from agents.studio.draw_mode import is_complete
from agents.studio.given import read_upload
from agents.studio.pad import draw_pad
from agents.studio.shared_model import SharedModel
from agents.studio.widgets import (
    QUICK,
    SLOW,
    Context,
    Tab,
    clickable,
    guard,
    keep_state,
    read_event,
)


def build(context: Context) -> Tab:
    """Lay out the tab, and connect its parts."""
    state = keep_state()
    with gr.Row(elem_classes="bar-of-buttons"):
        test = gr.Button(
            "Goal from the test set",
            size="sm",
            variant="primary",
            min_width=130,
            elem_id="copy-test",
        )
        upload = gr.UploadButton("Upload a goal", size="sm", min_width=110, elem_id="copy-upload")
        back = gr.Button("Back", size="sm", min_width=70, elem_id="copy-back")
        again = gr.Button("Play again", size="sm", min_width=90, elem_id="copy-again")
    with gr.Accordion("Draw a goal with the mouse", open=False, elem_id="copy-draw"):
        gr.ColorPicker("#ffffff", label="Brush (models of colour images)", elem_id="brush")
        pad = clickable("copy-pad")
        clear = gr.Button("Clear", size="sm")
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            board = clickable("copy-board")
        with gr.Column(scale=2, min_width=300, elem_classes="side"):
            side = clickable("copy-side")
    outputs = [state, board, side]

    def answer(model: SharedModel, state: CopyState) -> tuple:
        return state, *copy_mode.show(model, state)

    def pick(state: CopyState, event: gr.EventData) -> tuple:
        model = context.shelf.find(state.model)
        before, state = state, copy_mode.act(model, state, read_event(event))
        _record(context, model, before, state)
        return answer(model, state)

    def move(what: str) -> object:
        def moved(state: CopyState) -> tuple:
            model = context.shelf.find(state.model)
            return answer(model, copy_mode.act(model, state, {"what": what}))

        return guard(moved)

    def take(state: CopyState) -> tuple:
        model = context.shelf.find(state.model)
        return answer(model, copy_mode.take_test_image(model, state, context.rng))

    def receive(state: CopyState, path: str) -> tuple:
        model = context.shelf.find(state.model)
        return answer(model, copy_mode.set_goal(state, read_upload(path, model)))

    def paint(state: CopyState, event: gr.EventData) -> tuple:
        model = context.shelf.find(state.model)
        return answer(model, copy_mode.take_painting(model, state, read_event(event)))

    for part in (board, side):
        part.picked(guard(pick), state, outputs, **QUICK)
    pad.painted(guard(paint), state, outputs, **QUICK)
    back.click(move("back"), state, outputs, **QUICK)
    again.click(move("begin"), state, outputs, **QUICK)
    test.click(guard(take), state, outputs, **QUICK)
    upload.upload(guard(receive), [state, upload], outputs, **SLOW)
    clear.click(lambda state: _show_pad(context.shelf.find(state.model)), state, pad, **QUICK)

    def begin(model: SharedModel) -> tuple:
        fresh = CopyState(model.name)
        return *answer(model, fresh), _show_pad(model)

    return Tab([*outputs, pad], begin)


def _show_pad(model: SharedModel) -> str:
    """Return an empty pad; models of points have none."""
    if model.is_plane:
        return "<p class='note'>Click in the plane to set a goal.</p>"
    return draw_pad(model, "a pad to draw the goal on")


def _record(context: Context, model: SharedModel, before: CopyState, after: CopyState) -> None:
    """Record a game that this move has completed."""
    has_ended = is_complete(model, after.game) and not is_complete(model, before.game)
    if context.recorder is not None and has_ended and after.goal is not None:
        if context.recorder.digest == model.digest:
            context.recorder.add(after.game.code, after.goal)
