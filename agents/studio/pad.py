"""HTML of a pad on which one draws with the mouse, a finger or the keyboard."""

from __future__ import annotations

import json
from base64 import b64encode
from html import escape

import numpy as np
from numpy.typing import NDArray

from agents.studio.shared_model import Image, SharedModel
from agents.studio.tiles import to_uri


def draw_pad(
    model: SharedModel,
    label: str,
    background: Image | None = None,
    hidden: NDArray[np.bool_] | None = None,
) -> str:
    """Return a pad of the size of a model's images.

    Args:
        model: A model of images.
        label: What a screen reader says.
        background: An image of which strokes hide pixels, shape (*S); None makes a black pad on
            which they paint.
        hidden: The pixels that are hidden already, shape (height, width).
    """
    low, high = model.likelihood.low, model.likelihood.high
    settings = {
        "height": model.shape[1],
        "width": model.shape[2],
        "colour": model.shape[0] == 3,
        "hides": background is not None,
        "background": None if background is None else to_uri(background, low, high),
        "mask": None if hidden is None else b64encode(hidden.astype(np.uint8).tobytes()).decode(),
    }
    return (
        f'<div class="pad" data-pad="{escape(json.dumps(settings))}">'
        f'<canvas tabindex="0" role="img" aria-label="{escape(label)}"></canvas></div>'
    )
