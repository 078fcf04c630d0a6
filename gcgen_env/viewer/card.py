"""Cards: what notebooks show of an object, as HTML with a picture in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image


def draw_card(title: str, facts: Mapping[str, Any], picture: np.ndarray | None = None) -> str:
    """Return a card as HTML; it needs no file and no network.

    Args:
        title: Name of the object.
        facts: What is known of it, as words and values.
        picture: What it looks like, shape (height, width, 3), uint8; None for no picture.
    """
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(str(name))}</th>"
        f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    image = "" if picture is None else f"<img alt='{escape(title)}' src='{_as_source(picture)}'>"
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table>{image}</div>"


def _as_source(picture: np.ndarray) -> str:
    """Return a picture as an address that holds its content."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
