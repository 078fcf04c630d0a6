"""The tab "Copy": choose a goal, see what each proposal gains, and play against others."""

from __future__ import annotations

from typing import Any

import gradio as gr

from agents.studio import copy_mode
from agents.studio.copy_mode import CopyState
from agents.studio.draw_mode import is_complete
from agents.studio.given import read_upload
from agents.studio.pad import draw_pad
from agents.studio.shared_model import SharedModel
from agents.studio.widgets import QUICK, SLOW, Context, clickable, guard, keep_state, read_event


class CopyTab:
    """The parts of the tab, and what happens when one uses them."""

    def __init__(self, context: Context) -> None:
        """Lay out the tab, and connect its parts."""
        self.context = context
        self.state = keep_state()
        with gr.Row(elem_classes="bar-of-buttons"):
            test = gr.Button(
                "Goal from the test set",
                size="sm",
                variant="primary",
                min_width=140,
                elem_id="copy-test",
            )
            upload = gr.UploadButton(
                "Upload a goal", size="sm", min_width=140, elem_id="copy-upload"
            )
            back = gr.Button("Back", size="sm", min_width=140, elem_id="copy-back")
            again = gr.Button("Play again", size="sm", min_width=140, elem_id="copy-again")
        pad = self._add_pad()
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                board = clickable("copy-board")
            with gr.Column(scale=2, min_width=300, elem_classes="side"):
                side = clickable("copy-side")
        shown = [self.state, board, side]
        self.outputs = [*shown, pad]
        for part in (board, side):
            part.picked(guard(self.pick), self.state, shown, **QUICK)
        for each, what in ((back, "back"), (again, "begin")):
            move = guard(lambda state, what=what: self._move(state, what))
            each.click(move, self.state, shown, **QUICK)
        pad.painted(guard(self.paint), self.state, shown, **QUICK)
        test.click(guard(self.take), self.state, shown, **QUICK)
        upload.upload(guard(self.receive), [self.state, upload], shown, **SLOW)

    def begin(self, model: SharedModel) -> tuple[Any, ...]:
        """Return the values of the outputs for a model that was just chosen."""
        return *self._show(model, CopyState(model.name)), show_pad(model)

    def pick(self, state: CopyState, event: gr.EventData) -> tuple[Any, ...]:
        """Answer a click or a key, and record the game if it has ended."""
        model = self.context.shelf.find(state.model)
        after = copy_mode.act(model, state, read_event(event))
        # A click after the end must not record the game again.
        has_ended = is_complete(model, after.game) and not is_complete(model, state.game)
        recorder = self.context.recorder
        if has_ended and recorder is not None and recorder.digest == model.digest:
            assert after.goal is not None
            recorder.add(after.game.code, after.goal)
        return self._show(model, after)

    def take(self, state: CopyState) -> tuple[Any, ...]:
        """Take an image of the test set as the goal."""
        model = self.context.shelf.find(state.model)
        return self._show(model, copy_mode.take_test_image(model, state, self.context.rng))

    def receive(self, state: CopyState, path: str) -> tuple[Any, ...]:
        """Take an uploaded picture as the goal."""
        model = self.context.shelf.find(state.model)
        return self._show(model, copy_mode.set_goal(state, read_upload(path, model)))

    def paint(self, state: CopyState, event: gr.EventData) -> tuple[Any, ...]:
        """Take what was drawn on the pad as the goal."""
        model = self.context.shelf.find(state.model)
        return self._show(model, copy_mode.take_painting(model, state, read_event(event)))

    def _move(self, state: CopyState, what: str) -> tuple[Any, ...]:
        """Answer one of the buttons above the proposals."""
        model = self.context.shelf.find(state.model)
        return self._show(model, copy_mode.act(model, state, {"what": what}))

    def _show(self, model: SharedModel, state: CopyState) -> tuple[Any, ...]:
        """Return the state and the two parts of the page."""
        return state, *copy_mode.show(model, state)

    def _add_pad(self) -> gr.HTML:
        """Add the pad on which one draws a goal."""
        with gr.Accordion("Draw a goal with the mouse", open=False, elem_id="copy-draw"):
            gr.ColorPicker("#ffffff", label="Brush (models of colour images)", elem_id="brush")
            pad = clickable("copy-pad")
            clear = gr.Button("Clear", size="sm")
        shelf = self.context.shelf
        empty = guard(lambda state: show_pad(shelf.find(state.model)))
        clear.click(empty, self.state, pad, **QUICK)
        return pad


def show_pad(model: SharedModel) -> str:
    """Return an empty pad; models of points have none."""
    if model.is_plane:
        return "<p class='note'>Click in the plane to set a goal.</p>"
    return draw_pad(model, "a pad to draw the goal on")
