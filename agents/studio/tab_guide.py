"""The tab "Guide": a class, hidden pixels and a scale steer what is drawn."""

from __future__ import annotations

from typing import Any

import gradio as gr

from agents.studio import guide_mode
from agents.studio.given import read_upload
from agents.studio.guide_mode import GuideState
from agents.studio.guided import LARGEST_SCALE, list_classes
from agents.studio.shared_model import SharedModel
from agents.studio.widgets import QUICK, SLOW, Context, clickable, guard, keep_state, read_event

NO_CLASS = "none"


class GuideTab:
    """The parts of the tab, and what happens when one uses them."""

    def __init__(self, context: Context) -> None:
        """Lay out the tab, and connect its parts."""
        self.context = context
        self.state = keep_state()
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                label = gr.Radio([NO_CLASS], value=NO_CLASS, label="Class", elem_id="guide-class")
                scale = gr.Slider(0, LARGEST_SCALE, 1.0, step=0.1, label="Scale of the guidance")
                pad = self._add_image()
            with gr.Column(scale=3, min_width=300):
                go = gr.Button("Draw", variant="primary", elem_id="guide-go")
                answers = clickable("guide-answers")
        self.outputs = [self.state, pad, label, answers]
        go.click(guard(self.draw), [self.state, label, scale], answers, **SLOW)

    def begin(self, model: SharedModel) -> tuple[Any, ...]:
        """Return the values of the outputs for a model that was just chosen."""
        choices = [NO_CLASS, *map(str, list_classes(model))]
        # A model of other images than digits has no classes to choose from.
        shown = gr.Radio(choices, value=NO_CLASS, visible=len(choices) > 1)
        return *self._show(model, GuideState(model.name)), shown, ""

    def take(self, state: GuideState) -> tuple[Any, ...]:
        """Take an image of the test set."""
        model = self.context.shelf.find(state.model)
        goals = model.load_goals()
        image = goals.take([int(self.context.rng.integers(len(goals)))])[0]
        return self._show(model, GuideState(model.name, image))

    def read(self, state: GuideState, path: str) -> tuple[Any, ...]:
        """Take an uploaded image."""
        model = self.context.shelf.find(state.model)
        return self._show(model, GuideState(model.name, read_upload(path, model)))

    def remove(self, state: GuideState) -> tuple[Any, ...]:
        """Take the image away."""
        model = self.context.shelf.find(state.model)
        return self._show(model, GuideState(model.name))

    def hide(self, state: GuideState, event: gr.EventData) -> GuideState:
        """Hide the pixels that were painted over."""
        return guide_mode.hide(self.context.shelf.find(state.model), state, read_event(event))

    def hide_half(self, state: GuideState) -> tuple[Any, ...]:
        """Hide the lower half of the image."""
        model = self.context.shelf.find(state.model)
        return self._show(model, guide_mode.hide_half(model, state))

    def draw(self, state: GuideState, label: str, scale: float) -> str:
        """Draw pictures that fit what is wished for."""
        model = self.context.shelf.find(state.model)
        chosen = None if label == NO_CLASS else int(label)
        seed = int(self.context.rng.integers(2**31))  # every click draws anew
        return guide_mode.answer(model, state, chosen, scale, seed)

    def _show(self, model: SharedModel, state: GuideState) -> tuple[Any, ...]:
        """Return the state and the pad."""
        return state, guide_mode.show_pad(model, state)

    def _add_image(self) -> gr.HTML:
        """Add the buttons that take an image, and the pad on which its pixels are hidden."""
        with gr.Row(elem_classes="bar-of-buttons"):
            test = gr.Button(
                "Image from the test set", size="sm", min_width=130, elem_id="guide-test"
            )
            upload = gr.UploadButton("Upload an image", size="sm", min_width=130)
        with gr.Row(elem_classes="bar-of-buttons"):
            half = gr.Button("Hide the lower half", size="sm", min_width=130, elem_id="guide-half")
            clear = gr.Button("No image", size="sm", min_width=130)
        pad = clickable("guide-pad")
        shown = [self.state, pad]
        test.click(guard(self.take), self.state, shown, **QUICK)
        upload.upload(guard(self.read), [self.state, upload], shown, **SLOW)
        half.click(guard(self.hide_half), self.state, shown, **QUICK)
        clear.click(guard(self.remove), self.state, shown, **QUICK)
        pad.painted(guard(self.hide), self.state, self.state, **QUICK)
        return pad
