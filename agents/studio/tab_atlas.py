"""The tab "Atlas": the tree of first choices."""

from __future__ import annotations

import gradio as gr

from agents.studio import atlas_mode
from agents.studio.atlas_mode import AtlasState
from agents.studio.shared_model import SharedModel
from agents.studio.widgets import QUICK, Context, Tab, clickable, guard, keep_state, read_event


def build(context: Context) -> Tab:
    """Lay out the tab, and connect its parts."""
    state = keep_state()
    tree = clickable("atlas-tree")

    def pick(state: AtlasState, event: gr.EventData) -> tuple:
        model = context.shelf.find(state.model)
        state = atlas_mode.act(model, state, read_event(event))
        return state, atlas_mode.show(model, state)

    tree.picked(guard(pick), state, [state, tree], **QUICK)

    def begin(model: SharedModel) -> tuple:
        return AtlasState(model.name), atlas_mode.show(model, AtlasState(model.name))

    return Tab([state, tree], begin)
