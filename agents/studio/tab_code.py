"""The tab "Code": the choices of a picture, one of them replaced, a slide to another code."""

from __future__ import annotations

from typing import Any

import gradio as gr

from agents.studio import code_mode
from agents.studio.code_mode import CodeState
from agents.studio.code_sheet import POSITIONS
from agents.studio.draw_mode import DrawState
from agents.studio.given import read_upload
from agents.studio.shared_model import SharedModel
from agents.studio.widgets import QUICK, SLOW, Context, clickable, guard, keep_state, read_event


class CodeTab:
    """The parts of the tab, and what happens when one uses them."""

    def __init__(self, context: Context, drawn: gr.State) -> None:
        """Lay out the tab, and connect its parts; `drawn` is the state of the tab "Draw"."""
        self.context = context
        self.state = keep_state()
        with gr.Row(elem_classes="bar-of-buttons"):
            test = gr.Button(
                "Picture of the test set",
                variant="primary",
                size="sm",
                min_width=140,
                elem_id="code-test",
            )
            own = gr.Button("Picture of the tab Draw", size="sm", min_width=140, elem_id="code-own")
            upload = gr.UploadButton("Upload a picture", size="sm", min_width=140)
            other = gr.Button(
                "Slide to another picture", size="sm", min_width=140, elem_id="code-other"
            )
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                sheet = clickable("code-sheet")
            with gr.Column(scale=2, min_width=300, elem_classes="side"):
                side = clickable("code-side")
        label = "Slide from this code to the other"
        position = gr.Slider(0, POSITIONS - 1, 0, step=1, label=label, elem_id="code-slide")
        walked = clickable("code-walk")
        shown = [self.state, sheet, side]
        self.outputs = [*shown, walked]
        slide: dict[str, Any] = {"fn": guard(self.slide), "inputs": [self.state, position]}
        slide |= {"outputs": walked, **QUICK}
        for button, is_other in ((test, False), (other, True)):
            take = guard(lambda state, is_other=is_other: self._take(state, is_other))
            button.click(take, self.state, shown, **QUICK).then(**slide)
        own.click(guard(self.take_own), [self.state, drawn], shown, **QUICK).then(**slide)
        upload.upload(guard(self.read), [self.state, upload], shown, **SLOW).then(**slide)
        for part in (sheet, side):
            part.picked(guard(self.pick), self.state, shown, **QUICK)
        position.input(**slide)

    def begin(self, model: SharedModel) -> tuple[Any, ...]:
        """Return the values of the outputs for a model that was just chosen."""
        return *self._show(model, CodeState(model.name)), ""

    def pick(self, state: CodeState, event: gr.EventData) -> tuple[Any, ...]:
        """Answer a click or a key."""
        model = self.context.shelf.find(state.model)
        return self._show(model, code_mode.act(model, state, read_event(event)))

    def take_own(self, state: CodeState, drawn: DrawState) -> tuple[Any, ...]:
        """Take the code of the tab "Draw"."""
        model = self.context.shelf.find(state.model)
        if drawn.model != state.model:
            raise ValueError("the tab Draw has another model: load the page again")
        return self._show(model, code_mode.take_code(model, state, drawn.drawing.code))

    def read(self, state: CodeState, path: str) -> tuple[Any, ...]:
        """Encode an uploaded picture."""
        model = self.context.shelf.find(state.model)
        image = read_upload(path, model)
        return self._show(model, code_mode.take_image(model, state, image, False))

    def slide(self, state: CodeState, position: float) -> str:
        """Show the walk to the other code."""
        return code_mode.slide(self.context.shelf.find(state.model), state, int(position))

    def _take(self, state: CodeState, is_other: bool) -> tuple[Any, ...]:
        """Encode an image of the test set."""
        model = self.context.shelf.find(state.model)
        rng = self.context.rng
        return self._show(model, code_mode.take_test_image(model, state, rng, is_other))

    def _show(self, model: SharedModel, state: CodeState) -> tuple[Any, ...]:
        """Return the state and the two parts of the page."""
        return state, *code_mode.show(model, state)
