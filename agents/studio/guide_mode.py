"""The mode "guide": an image, its hidden pixels, a class, and the pictures drawn for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.guidance.guided_sample import GuidedSample
from agents.studio.given import read_mask
from agents.studio.guided import Wishes, draw_guided
from agents.studio.pad import draw_pad
from agents.studio.shared_model import Image, SharedModel
from agents.studio.tiles import draw_row, say

HOW_TO_HIDE = "Paint over what is to be filled in, then press Draw."


class GuideState(NamedTuple):
    """What a session knows in this mode."""

    model: str
    """Name of the model."""
    image: Image | None = None
    """An image of which pixels can be hidden, shape (*S)."""
    hidden: NDArray[np.bool_] | None = None
    """The hidden pixels, shape (height, width)."""


def hide(model: SharedModel, state: GuideState, event: Mapping[str, Any]) -> GuideState:
    """Hide the pixels that were painted on the pad."""
    return state._replace(hidden=read_mask(event, model))


def hide_half(model: SharedModel, state: GuideState) -> GuideState:
    """Hide the lower half of the image.

    Raises:
        ValueError: If no image was chosen.
    """
    if state.image is None:
        raise ValueError("take an image first, of which pixels can be hidden")
    hidden = np.zeros(model.shape[1:], bool)
    hidden[model.shape[1] // 2 :] = True
    return state._replace(hidden=hidden)


def show_pad(model: SharedModel, state: GuideState) -> str:
    """Return the pad on which pixels are hidden, as HTML."""
    if model.is_plane:
        return say("Guided drawing is for models of images.")
    if state.image is None:
        return say("Choose a class, or take an image and hide a part of it. Then press Draw.")
    label = "the image; paint over the pixels that are to be filled in"
    return draw_pad(model, label, state.image, state.hidden) + say(HOW_TO_HIDE)


def answer(
    model: SharedModel, state: GuideState, label: int | None, scale: float, seed: int
) -> str:
    """Draw pictures for the wishes, and return them as HTML.

    Raises:
        ValueError: If nothing is wished for, or the wishes do not fit the model.
    """
    sample = draw_guided(model, Wishes(label, state.image, state.hidden, scale), seed)
    return _show_answers(model, state, sample)


def _show_answers(model: SharedModel, state: GuideState, sample: GuidedSample) -> str:
    """Return what was given and the answers."""
    order = np.argsort(-sample.scores, kind="stable")
    captions = [f"{score:.1f} nats" for score in sample.scores[order] + 0.0]  # 0.0, not -0.0
    text = (
        f"{len(sample)} pictures, the best one first, with the log-probability of what you asked "
        f"for. {sample.calls:,} images were scored."
    )
    if state.image is None or state.hidden is None:
        return say(text) + draw_row(model, sample.images[order], captions, large=True)
    low, high = model.likelihood.low, model.likelihood.high
    given = np.where(state.hidden, low + 0.35 * (high - low), state.image).astype(np.float32)
    rows = [
        draw_row(model, given[None], ["given"], large=True),
        draw_row(model, sample.images[order], captions, large=True),
    ]
    return f'{say(text)}<div class="answers">{"".join(rows)}</div>'
