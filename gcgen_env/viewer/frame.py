"""Draw one frame of an episode."""

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import BACKGROUND, LARGE, LINE, PRIOR, to_array, write
from gcgen_env.viewer.scatter import draw_points
from gcgen_env.viewer.tiles import MARGIN, draw_tiles
from gcgen_env.viewer.types import Frame, check_frame, header_line

HEADER, PROGRESS = 78, 3  # heights in pixels


def render_rgb(frame: Frame) -> np.ndarray:
    """Draw one decision: state, goal, proposals with their prior, and the chosen proposal.

    Images are drawn with the state and the goal on the left and the proposals on the right; the
    bar below a proposal shows its prior. Points are drawn in one plot. Invalid proposals are
    dimmed and the chosen one is framed.

    Args:
        frame: Decision to draw.

    Returns:
        Picture, shape (height, width, 3), uint8. Its size depends only on A and S, and height and
        width are even, as video encoders require.

    Raises:
        ValueError: If shapes disagree, a number is not finite, or an index is out of range.
    """
    check_frame(frame)
    body = draw_points(frame) if np.shape(frame.state) == (2,) else draw_tiles(frame)
    width, height = body.width + body.width % 2, HEADER + body.height
    picture = Image.new("RGB", (width, height + height % 2), BACKGROUND)
    picture.paste(body, (0, HEADER))
    _draw_header(picture, frame)
    return to_array(picture)


def _draw_header(picture: Image.Image, frame: Frame) -> None:
    """Write the header, and draw a progress bar of the episode below it."""
    draw, top = ImageDraw.Draw(picture), HEADER - 24
    write(draw, (MARGIN, 18), header_line(frame), LARGE)
    right = picture.width - MARGIN
    draw.rectangle((MARGIN, top, right - 1, top + PROGRESS - 1), fill=LINE)
    done = round((right - MARGIN) * frame.step / max(frame.horizon, 1))
    if done:
        draw.rectangle((MARGIN, top, MARGIN + done - 1, top + PROGRESS - 1), fill=PRIOR)
