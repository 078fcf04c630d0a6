"""The page of the studio: the choice of a model, and a tab for each mode."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from agents.studio.recording import Recorder
from agents.studio.shelf import Shelf
from agents.studio.tab_atlas import AtlasTab
from agents.studio.tab_code import CodeTab
from agents.studio.tab_copy import CopyTab
from agents.studio.tab_draw import DrawTab
from agents.studio.tab_guide import GuideTab
from agents.studio.widgets import FILE_SECONDS, QUICK, Context, guard

TITLE = "GCGen studio"
INTRODUCTION = """# GCGen studio
The S-agent proposes, you choose. Keys: arrows move, Enter chooses, 1 to 9 choose by rank, Backspace
goes back."""


def build_page(shelf: Shelf, recorder: Recorder | None, rng: np.random.Generator) -> gr.Blocks:
    """Lay out the page.

    Args:
        shelf: The models.
        recorder: Records the games of the mode "copy".
        rng: Draws choices, test images and seeds.
    """
    context = Context(shelf, rng, recorder)
    cache = (FILE_SECONDS, FILE_SECONDS)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=cache) as page:
        with gr.Row(elem_id="head"):
            gr.Markdown(INTRODUCTION, container=False)
            model = gr.Dropdown(
                shelf.names, value=shelf.names[0], label="Model", min_width=160, elem_id="model"
            )
        tabs = _build_tabs(context)
        outputs = [output for tab in tabs for output in tab.outputs]

        def begin(name: str) -> list:
            found = shelf.find(name)
            return [value for tab in tabs for value in tab.begin(found)]

        page.load(guard(begin), model, outputs, **QUICK)
        chosen = model.input(guard(begin), model, outputs, **QUICK)
        atlas = tabs[-1]
        chosen.then(guard(atlas.open), atlas.state, atlas.outputs, **QUICK)  # it may be in sight
    return page


def _build_tabs(context: Context) -> list[Any]:
    """Lay out the tabs."""
    with gr.Tab("Draw", id="draw"):
        draw = DrawTab(context)
    with gr.Tab("Copy", id="copy"):
        copy = CopyTab(context)
    with gr.Tab("Guide", id="guide"):
        guide = GuideTab(context)
    with gr.Tab("Code", id="code"):
        code = CodeTab(context, draw.state)
    with gr.Tab("Atlas", id="atlas") as tab:
        atlas = AtlasTab(context)
        tab.select(guard(atlas.open), atlas.state, atlas.outputs, **QUICK)
    return [draw, copy, guide, code, atlas]
