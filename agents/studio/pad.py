"""HTML of a pad on which one draws with the mouse, a finger or the keyboard."""

from __future__ import annotations

import json
from html import escape

from agents.studio.shared_model import Image, SharedModel
from agents.studio.tiles import to_uri


def draw_pad(model: SharedModel, background: Image | None, hides: bool, label: str) -> str:
    """Return a pad of the size of a model's images.

    Args:
        model: A model of images.
        background: What is on it at first, shape (*S); None leaves it black.
        hides: Whether strokes hide pixels of the background, instead of painting on it.
        label: What a screen reader says.
    """
    low, high = model.likelihood.low, model.likelihood.high
    settings = {
        "height": model.shape[1],
        "width": model.shape[2],
        "colour": model.shape[0] == 3,
        "hides": hides,
        "background": None if background is None else to_uri(background, low, high),
    }
    return (
        f'<div class="pad" data-pad="{escape(json.dumps(settings))}">'
        f'<canvas tabindex="0" role="img" aria-label="{escape(label)}"></canvas></div>'
    )
