"""The tab "Atlas": the tree of first choices."""

from __future__ import annotations

from typing import Any

import gradio as gr

from agents.studio import atlas_mode
from agents.studio.atlas_mode import AtlasState
from agents.studio.shared_model import SharedModel
from agents.studio.widgets import QUICK, Context, clickable, guard, keep_state, read_event


class AtlasTab:
    """The parts of the tab, and what happens when one uses them."""

    def __init__(self, context: Context) -> None:
        """Lay out the tab, and connect its parts."""
        self.context = context
        self.state, tree = keep_state(), clickable("atlas-tree")
        self.outputs = [self.state, tree]
        tree.picked(guard(self.pick), self.state, self.outputs, **QUICK)

    def begin(self, model: SharedModel) -> tuple[Any, ...]:
        """Return the values of the outputs for a model that was just chosen: no tree yet."""
        return AtlasState(model.name), ""

    def open(self, state: AtlasState) -> tuple[Any, ...]:
        """Draw the tree when the tab is opened: it takes as long as ten choices."""
        return self._show(self.context.shelf.find(state.model), state)

    def pick(self, state: AtlasState, event: gr.EventData) -> tuple[Any, ...]:
        """Answer a click or a key."""
        model = self.context.shelf.find(state.model)
        return self._show(model, atlas_mode.act(model, state, read_event(event)))

    def _show(self, model: SharedModel, state: AtlasState) -> tuple[Any, ...]:
        """Return the values of the outputs."""
        return state, atlas_mode.show(model, state)
