"""The tab "Draw": proposals to choose from, "let it draw", branches, and saved files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import gradio as gr

from agents.studio import draw_mode
from agents.studio.draw_mode import DrawState
from agents.studio.saved import FORMATS, open_drawing, save_drawing
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

SECONDS = 0.6
"""Time between two choices of "let it draw"."""


def build(context: Context) -> Tab:
    """Lay out the tab, and connect its parts."""
    state = keep_state()
    with gr.Row(elem_classes="bar-of-buttons"):
        back = gr.Button("Back", size="sm", min_width=70, elem_id="draw-back")
        forward = gr.Button("Forward", size="sm", min_width=70)
        anew = gr.Button("Start again", size="sm", min_width=90, elem_id="draw-anew")
        play = gr.Button(
            "Let it draw", variant="primary", size="sm", min_width=90, elem_id="draw-play"
        )
        stop = gr.Button("Stop", size="sm", min_width=70, elem_id="draw-stop")
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            board = clickable("draw-board")
        with gr.Column(scale=2, min_width=300, elem_classes="side"):
            side = clickable("draw-side")
            with gr.Accordion("Save this drawing, or open a saved one", open=False):
                _add_files(context, state, board, side)
    timer = gr.Timer(SECONDS, active=False)
    outputs = [state, board, side]

    def find(state: DrawState) -> SharedModel:
        return context.shelf.find(state.model)

    def pick(state: DrawState, event: gr.EventData) -> tuple:
        model = find(state)
        state = draw_mode.act(model, state, read_event(event))
        return state, *draw_mode.show(model, state)

    def move(what: str) -> object:
        def moved(state: DrawState) -> tuple:
            model = find(state)
            state = draw_mode.act(model, state, {"what": what})
            return state, *draw_mode.show(model, state)

        return guard(moved)

    def tick(state: DrawState) -> tuple:
        model = find(state)
        state = draw_mode.draw_on(model, state, context.rng)
        is_active = not draw_mode.is_complete(model, state.drawing)
        return state, *draw_mode.show(model, state), gr.Timer(active=is_active)

    def start(state: DrawState) -> tuple:
        model = find(state)
        if draw_mode.is_complete(model, state.drawing):
            state = state._replace(drawing=state.drawing.begin())
        return state, *draw_mode.show(model, state), gr.Timer(active=True)

    for part in (board, side):
        part.picked(guard(pick), state, outputs, **QUICK)
    for each, what in ((back, "back"), (forward, "forward"), (anew, "begin")):
        each.click(move(what), state, outputs, **QUICK)
    play.click(guard(start), state, [*outputs, timer], **QUICK)
    stop.click(lambda: gr.Timer(active=False), None, timer, **QUICK)
    timer.tick(guard(tick), state, [*outputs, timer], **{**QUICK, "trigger_mode": "once"})

    def begin(model: SharedModel) -> tuple:
        fresh = DrawState(model.name)
        return fresh, *draw_mode.show(model, fresh)

    return Tab(outputs, begin)


def _add_files(context: Context, state: gr.State, board: gr.HTML, side: gr.HTML) -> None:
    """Add the buttons that save a drawing and open a saved one."""
    form = gr.Radio(list(FORMATS), value="png", label="Save as", elem_id="draw-form")
    save = gr.Button("Save", size="sm", elem_id="draw-save")
    saved = gr.File(label="Saved drawing", interactive=False, height=80, elem_id="draw-saved")
    opened = gr.UploadButton("Open a saved drawing (JSON)", size="sm", elem_id="draw-open")

    def write(state: DrawState, form: str) -> str:
        model = context.shelf.find(state.model)
        folder = Path(tempfile.mkdtemp(prefix="gcgen-studio-", dir=gr.utils.get_upload_folder()))
        return str(save_drawing(model, state.drawing, folder / f"drawing.{form}"))

    def read(state: DrawState, path: str) -> tuple:
        model = context.shelf.find(state.model)
        found = open_drawing(model, Path(path))
        state = state._replace(drawing=state.drawing.begin(found.code))
        return state, *draw_mode.show(model, state)

    save.click(guard(write), [state, form], saved, **SLOW)
    opened.upload(guard(read), [state, opened], [state, board, side], **SLOW)
