"""One frame of an episode as a picture or as text."""

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.ansi import render_ansi
from gcgen_env.viewer.drawing import BACKGROUND, LARGE, LINE, PRIOR, to_array, write
from gcgen_env.viewer.scatter import draw_points
from gcgen_env.viewer.tiles import MARGIN, draw_tiles
from gcgen_env.viewer.types import Frame, check_frame, header_line

__all__ = ["Frame", "render_ansi", "render_rgb"]

HEADER, PROGRESS = 78, 3


def render_rgb(frame: Frame) -> np.ndarray:
    """Draw one decision: state, goal, proposals, their prior and the choice.

    Images show state and goal on the left and every proposal as a tile on the right, a bar under
    it for its prior; points share one square plot. Invalid proposals are dimmed, the chosen one is
    framed. The size depends on A and S only and is even in both directions, as videos want.

    Args:
        frame: What to show.

    Returns:
        The picture, shape (height, width, 3), uint8.

    Raises:
        ValueError: If shapes disagree, a number is not finite or an index is out of range.
    """
    check_frame(frame)
    body = draw_points(frame) if np.shape(frame.state) == (2,) else draw_tiles(frame)
    width, height = body.width + body.width % 2, HEADER + body.height
    picture = Image.new("RGB", (width, height + height % 2), BACKGROUND)
    picture.paste(body, (0, HEADER))
    _draw_header(picture, frame)
    return to_array(picture)


def _draw_header(picture: Image.Image, frame: Frame) -> None:
    """Write the header line above a thin line that fills up as the episode goes on."""
    draw, top = ImageDraw.Draw(picture), HEADER - 24
    write(draw, (MARGIN, 18), header_line(frame), LARGE)
    right = picture.width - MARGIN
    draw.rectangle((MARGIN, top, right - 1, top + PROGRESS - 1), fill=LINE)
    done = round((right - MARGIN) * frame.step / max(frame.horizon, 1))
    if done:
        draw.rectangle((MARGIN, top, MARGIN + done - 1, top + PROGRESS - 1), fill=PRIOR)
