"""The tab "Code": the choices of a picture, one of them replaced, a slide to another code."""

from __future__ import annotations

import gradio as gr

from agents.studio import code_mode
from agents.studio.code_mode import CodeState
from agents.studio.code_sheet import POSITIONS
from agents.studio.draw_mode import DrawState
from agents.studio.given import read_upload
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


def build(context: Context, drawn: gr.State) -> Tab:
    """Lay out the tab, and connect its parts; `drawn` is the state of the tab "Draw"."""
    state = keep_state()
    with gr.Row(elem_classes="bar-of-buttons"):
        test = gr.Button(
            "Picture of the test set", variant="primary", size="sm", elem_id="code-test"
        )
        own = gr.Button("Picture of the tab Draw", size="sm", elem_id="code-own")
        upload = gr.UploadButton("Upload a picture", size="sm")
        other = gr.Button("Picture to slide to", size="sm", elem_id="code-other")
    with gr.Row():
        with gr.Column(scale=3, min_width=300):
            sheet = clickable("code-sheet")
        with gr.Column(scale=2, min_width=300):
            side = clickable("code-side")
    position = gr.Slider(
        0, POSITIONS - 1, 0, step=1, label="Slide from this code to the other", elem_id="code-slide"
    )
    walked = clickable("code-walk")
    outputs = [state, sheet, side]

    def answer(model: SharedModel, state: CodeState) -> tuple:
        return state, *code_mode.show(model, state)

    def take(is_other: bool) -> object:
        def taken(state: CodeState) -> tuple:
            model = context.shelf.find(state.model)
            return answer(model, code_mode.take_test_image(model, state, context.rng, is_other))

        return guard(taken)

    def take_own(state: CodeState, drawn: DrawState) -> tuple:
        model = context.shelf.find(state.model)
        if drawn.model != state.model:
            raise ValueError("the tab Draw has another model: load the page again")
        return answer(model, code_mode.take_code(model, state, drawn.drawing.code))

    def read(state: CodeState, path: str) -> tuple:
        model = context.shelf.find(state.model)
        return answer(model, code_mode.take_image(model, state, read_upload(path, model), False))

    def pick(state: CodeState, event: gr.EventData) -> tuple:
        model = context.shelf.find(state.model)
        return answer(model, code_mode.act(model, state, read_event(event)))

    def slide(state: CodeState, position: float) -> str:
        return code_mode.slide(context.shelf.find(state.model), state, int(position))

    show_walk = {"fn": guard(slide), "inputs": [state, position], "outputs": walked, **QUICK}
    test.click(take(False), state, outputs, **QUICK).then(**show_walk)
    own.click(guard(take_own), [state, drawn], outputs, **QUICK).then(**show_walk)
    upload.upload(guard(read), [state, upload], outputs, **SLOW).then(**show_walk)
    other.click(take(True), state, outputs, **QUICK).then(**show_walk)
    for part in (sheet, side):
        part.picked(guard(pick), state, outputs, **QUICK)
    position.input(**show_walk)

    def begin(model: SharedModel) -> tuple:
        return *answer(model, CodeState(model.name)), ""

    return Tab([*outputs, walked], begin)
