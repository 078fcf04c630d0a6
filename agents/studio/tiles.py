"""HTML of images that one clicks: proposals, the steps so far, branches, codes, the atlas."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from agents.studio.shared_model import Board, Image, SharedModel
from gcgen_env.viewer.drawing import BACKGROUND, PRIOR, to_rgb

POINT_SIDE, DOT = 48, 5
"""Side of the picture of a point, and radius of its dot, in pixels."""
MOST_TILES = 64
"""Most proposals that are shown at once; the others are less probable."""
FEW_TILES = 32
"""Up to this number, proposals are shown larger."""


def to_uri(image: Image, low: float, high: float) -> str:
    """Return an image (C, height, width), or a point (2,), as a PNG that HTML can hold."""
    if image.shape == (2,):
        picture = _draw_point(image, low, high)
    else:
        rgb = to_rgb(image, low, high)
        picture = Pillow.fromarray(np.ascontiguousarray(rgb[..., 0] if len(image) == 1 else rgb))
    buffer = BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)  # fast: the page is on this machine
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _draw_point(point: Image, low: float, high: float) -> Pillow.Image:
    """Return a small square with a dot at a point (2,)."""
    picture = Pillow.new("RGB", (POINT_SIDE, POINT_SIDE), BACKGROUND)
    x, y = np.clip((point - low) / (high - low), 0, 1) * (POINT_SIDE - 1)
    top = POINT_SIDE - 1 - y
    box = (x - DOT, top - DOT, x + DOT, top + DOT)
    ImageDraw.Draw(picture).ellipse(box, fill=PRIOR)
    return picture


def button(content: str, label: str, event: dict[str, Any], kind: str = "tile") -> str:
    """Return a button that sends an event; `label` is what a screen reader says."""
    data = escape(json.dumps(event))
    return (
        f'<button type="button" class="{kind}" data-event="{data}" '
        f'aria-label="{escape(label)}" title="{escape(label)}">{content}</button>'
    )


def picture(model: SharedModel, image: Image, text: str = "") -> str:
    """Return an image; `text` is empty where a label beside it says what it shows."""
    uri = to_uri(image, model.likelihood.low, model.likelihood.high)
    return f'<img src="{uri}" alt="{escape(text)}" draggable="false">'


def format_share(share: float) -> str:
    """Return a probability in percent, with two digits where it is small."""
    percent = 100 * share
    if percent >= 9.95:  # it would be rounded to two digits before the point
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if percent >= 0.095 else "< 0.1 %"


def draw_board(model: SharedModel, board: Board, gains: NDArray[np.float64] | None = None) -> str:
    """Return the proposals as buttons, most probable first.

    Args:
        model: The model.
        board: What is proposed.
        gains: How much each of them gains, shape (V,), in nats; the best one is marked.
    """
    best = None if gains is None or not len(gains) else int(gains.argmax())
    shown = min(len(board.action), MOST_TILES)
    most = board.probability.max(initial=0)
    tiles = [
        _draw_proposal(model, board, i, most, None if gains is None else gains[i], i == best)
        for i in range(shown)
    ]
    rest = len(board.action) - shown  # the most probable ones come first
    more = f'<p class="note">{rest} less probable proposals are not shown.</p>' if rest else ""
    kind = "tiles few" if shown <= FEW_TILES else "tiles"
    return f'<div class="{kind}" role="group" aria-label="proposals">{"".join(tiles)}</div>{more}'


def _draw_proposal(
    model: SharedModel, board: Board, rank: int, most: float, gain: float | None, is_best: bool
) -> str:
    """Return one proposal with its probability and its gain."""
    share = board.probability[rank]
    label = f"proposal {rank + 1}, probability {format_share(share)}"
    caption = format_share(share)
    if gain is not None:
        label += f", gain {gain:+.1f} nats" + (", the largest" if is_best else "")
        caption += f'<br><b class="{"loss" if gain < 0 else "gain"}">{gain:+.1f}</b>'
    event = {"what": "choose", "value": int(board.action[rank]), "step": len(board.code)}
    bar = f'<span class="bar"><span style="width:{100 * share / most:.0f}%"></span></span>'
    content = f"{picture(model, board.images[rank])}{bar}<span class='caption'>{caption}</span>"
    return button(content, label, event, "tile best" if is_best else "tile")


def draw_steps(model: SharedModel, path: Sequence[int], step: int) -> str:
    """Return the states of a path as buttons that lead to them; the present one is marked."""
    prefixes = [tuple(path[:h]) for h in range(len(path) + 1)]
    tiles = []
    for h, image in enumerate(model.show(prefixes)):
        name = "initial image" if h == 0 else f"after step {h}"
        kind = "tile small" + (" now" if h == step else " ahead" if h > step else "")
        content = f"{picture(model, image)}<span class='caption'>{h}</span>"
        tiles.append(button(content, f"go to: {name}", {"what": "go", "value": h}, kind))
    return f'<div class="strip" role="group" aria-label="steps so far">{"".join(tiles)}</div>'


def draw_branches(model: SharedModel, branches: Sequence[tuple[int, ...]]) -> str:
    """Return the ends of the branches that were left, as buttons that lead back to them."""
    if not branches:
        return ""
    tiles = [
        button(
            f"{picture(model, image)}<span class='caption'>{len(branches[i])} steps</span>",
            f"return to branch {i + 1}, which has {len(branches[i])} steps",
            {"what": "branch", "value": i},
            "tile small",
        )
        for i, image in enumerate(model.show(list(branches)))
    ]
    return (
        '<h3>Branches you have left</h3><div class="strip branches" role="group" '
        f'aria-label="branches">{"".join(tiles)}</div>'
    )


def draw_row(
    model: SharedModel,
    images: Image,
    captions: Sequence[str],
    events: Sequence[dict[str, Any]] | None = None,
    marked: int | None = None,
    large: bool = False,
) -> str:
    """Return labelled images in a row, as buttons if they have events."""
    cells = []
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        kind = "tile now" if i == marked else "tile"
        if events is None:
            content = f"{picture(model, image, caption)}<span class='caption'>{escape(caption)}"
            cells.append(f'<div class="{kind}">{content}</span></div>')
        else:
            content = f"{picture(model, image)}<span class='caption'>{escape(caption)}</span>"
            cells.append(button(content, caption, events[i], kind))
    return f'<div class="cells{" large" if large else ""}">{"".join(cells)}</div>'


def draw_big(model: SharedModel, image: Image, caption: str) -> str:
    """Return one large image with a caption."""
    content = picture(model, image, caption)
    return f'<figure class="big">{content}<figcaption>{escape(caption)}</figcaption></figure>'


def say(text: str) -> str:
    """Return a line that screen readers read out when it changes."""
    return f'<p role="status" aria-live="polite" class="status">{escape(text)}</p>'
