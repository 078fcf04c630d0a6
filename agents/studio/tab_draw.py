"""The tab "Draw": proposals to choose from, "let it draw", branches, and saved files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from agents.studio import draw_mode
from agents.studio.draw_mode import DrawState
from agents.studio.saved import FORMATS, open_drawing, save_drawing
from agents.studio.shared_model import SharedModel
from agents.studio.widgets import QUICK, SLOW, Context, clickable, guard, keep_state, read_event

SECONDS = 0.6
"""Time between two choices of "let it draw"."""


class DrawTab:
    """The parts of the tab, and what happens when one uses them."""

    def __init__(self, context: Context) -> None:
        """Lay out the tab, and connect its parts."""
        self.context = context
        self.state = keep_state()
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
                self.outputs = [self.state, board, side]
                with gr.Accordion("Save this drawing, or open a saved one", open=False):
                    self._add_files()
        for part in (board, side):
            part.picked(guard(self.pick), self.state, self.outputs, **QUICK)
        for each, what in ((back, "back"), (forward, "forward"), (anew, "begin")):
            move = guard(lambda state, what=what: self._move(state, what))
            each.click(move, self.state, self.outputs, **QUICK)
        self._add_player(play, stop)

    def begin(self, model: SharedModel) -> tuple[Any, ...]:
        """Return the values of the outputs for a model that was just chosen."""
        return self._show(model, DrawState(model.name))

    def pick(self, state: DrawState, event: gr.EventData) -> tuple[Any, ...]:
        """Answer a click or a key."""
        model = self.context.shelf.find(state.model)
        return self._show(model, draw_mode.act(model, state, read_event(event)))

    def start(self, state: DrawState) -> tuple[Any, ...]:
        """Let it draw; a complete drawing is begun again."""
        model = self.context.shelf.find(state.model)
        if draw_mode.is_complete(model, state.drawing):
            state = state._replace(drawing=state.drawing.begin())
        return *self._show(model, state), gr.Timer(active=True)

    def tick(self, state: DrawState) -> tuple[Any, ...]:
        """Make the next choice of "let it draw"."""
        model = self.context.shelf.find(state.model)
        state = draw_mode.draw_on(model, state, self.context.rng)
        is_open = not draw_mode.is_complete(model, state.drawing)
        return *self._show(model, state), gr.Timer(active=is_open)

    def write(self, state: DrawState, form: str) -> str:
        """Write a drawing to a temporary file, which the browser fetches."""
        model = self.context.shelf.find(state.model)
        folder = tempfile.mkdtemp(prefix="gcgen-studio-", dir=gr.utils.get_upload_folder())
        return str(save_drawing(model, state.drawing, Path(folder) / f"drawing.{form}"))

    def read(self, state: DrawState, path: str) -> tuple[Any, ...]:
        """Open a saved drawing."""
        model = self.context.shelf.find(state.model)
        found = open_drawing(model, Path(path))
        return self._show(model, state._replace(drawing=state.drawing.begin(found.code)))

    def _move(self, state: DrawState, what: str) -> tuple[Any, ...]:
        """Answer one of the buttons above the proposals."""
        model = self.context.shelf.find(state.model)
        return self._show(model, draw_mode.act(model, state, {"what": what}))

    def _show(self, model: SharedModel, state: DrawState) -> tuple[Any, ...]:
        """Return the values of the outputs."""
        return state, *draw_mode.show(model, state)

    def _add_player(self, play: gr.Button, stop: gr.Button) -> None:
        """Add the timer of "let it draw"."""
        timer = gr.Timer(SECONDS, active=False)
        outputs = [*self.outputs, timer]
        play.click(guard(self.start), self.state, outputs, **QUICK)
        stop.click(lambda: gr.Timer(active=False), None, timer, **QUICK)
        once = {**QUICK, "trigger_mode": "once"}  # a slow step is not overtaken by the next one
        timer.tick(guard(self.tick), self.state, outputs, **once)

    def _add_files(self) -> None:
        """Add what saves a drawing and opens a saved one."""
        form = gr.Radio(list(FORMATS), value="png", label="Save as", elem_id="draw-form")
        save = gr.Button("Save", size="sm", elem_id="draw-save")
        saved = gr.File(label="Saved drawing", interactive=False, height=80, elem_id="draw-saved")
        opened = gr.UploadButton("Open a saved drawing (JSON)", size="sm", elem_id="draw-open")
        save.click(guard(self.write), [self.state, form], saved, **SLOW)
        opened.upload(guard(self.read), [self.state, opened], self.outputs, **SLOW)
