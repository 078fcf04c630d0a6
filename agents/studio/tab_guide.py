"""The tab "Guide": a class, hidden pixels and a scale steer what is drawn."""

from __future__ import annotations

from typing import Any

import gradio as gr

from agents.studio import guide_mode
from agents.studio.given import read_upload
from agents.studio.guide_mode import GuideState
from agents.studio.guided import LARGEST_SCALE, list_classes
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

NO_CLASS = "none"


def build(context: Context) -> Tab:
    """Lay out the tab, and connect its parts."""
    state = keep_state()
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            label = gr.Radio([NO_CLASS], value=NO_CLASS, label="Class", elem_id="guide-class")
            scale = gr.Slider(0, LARGEST_SCALE, 1.0, step=0.1, label="Scale of the guidance")
            with gr.Row():
                test = gr.Button(
                    "Image from the test set", size="sm", min_width=130, elem_id="guide-test"
                )
                upload = gr.UploadButton("Upload an image", size="sm")
            with gr.Row():
                half = gr.Button("Hide the lower half", size="sm", elem_id="guide-half")
                clear = gr.Button("No image", size="sm")
            pad = clickable("guide-pad")
        with gr.Column(scale=3, min_width=300):
            go = gr.Button("Draw", variant="primary", elem_id="guide-go")
            answers = clickable("guide-answers")

    def receive(model: SharedModel, state: GuideState, image: Any) -> tuple:
        state = GuideState(model.name, image)
        return state, guide_mode.show_pad(model, state)

    def take(state: GuideState) -> tuple:
        model = context.shelf.find(state.model)
        goals = model.load_goals()
        image = goals.take([int(context.rng.integers(len(goals)))])[0]
        return receive(model, state, image)

    def read(state: GuideState, path: str) -> tuple:
        model = context.shelf.find(state.model)
        return receive(model, state, read_upload(path, model))

    def hide(state: GuideState, event: gr.EventData) -> GuideState:
        return guide_mode.hide(context.shelf.find(state.model), state, read_event(event))

    def hide_half(state: GuideState) -> tuple:
        model = context.shelf.find(state.model)
        if state.image is None:
            raise ValueError("take an image first, of which pixels can be hidden")
        state = guide_mode.hide_half(model, state)
        return state, guide_mode.show_pad(model, state)

    def draw(state: GuideState, label: str, scale: float) -> str:
        model = context.shelf.find(state.model)
        chosen = None if label == NO_CLASS else int(label)
        return guide_mode.answer(model, state, chosen, scale, int(context.rng.integers(2**31)))

    test.click(guard(take), state, [state, pad], **QUICK)
    upload.upload(guard(read), [state, upload], [state, pad], **SLOW)
    pad.painted(guard(hide), state, state, **QUICK)
    half.click(guard(hide_half), state, [state, pad], **QUICK)
    clear.click(
        lambda state: receive(context.shelf.find(state.model), state, None),
        state,
        [state, pad],
        **QUICK,
    )
    go.click(guard(draw), [state, label, scale], answers, **SLOW)

    def begin(model: SharedModel) -> tuple:
        choices = [NO_CLASS, *map(str, list_classes(model))]
        shown = gr.Radio(choices, value=NO_CLASS, visible=len(choices) > 1)
        return *receive(model, GuideState(model.name), None), shown, ""

    return Tab([state, pad, label, answers], begin)
