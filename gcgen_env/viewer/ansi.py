"""Draw one frame of an episode as plain Unicode text, for terminals and logs."""

import numpy as np
from PIL import Image

from gcgen_env.viewer.types import Frame, check_frame, header_line, prior_probabilities

SHADES = " ░▒▓█"  # from black to white
GAP = "   "
NUM_LISTED = 5
MIN_WIDTH = 24  # characters


def render_ansi(frame: Frame, width: int = 80) -> str:
    """Draw one decision as text: header, pictures, the most probable proposals.

    Images are drawn with state and goal side by side in five shades, points in one plot.

    Args:
        frame: Decision to draw.
        width: Maximum number of characters in a line, at least 24.

    Returns:
        Lines of text without escape sequences.

    Raises:
        ValueError: If the frame is invalid, see `render_rgb`, or `width` is too small.
    """
    check_frame(frame)
    if width < MIN_WIDTH:
        raise ValueError(f"Expected a width of at least {MIN_WIDTH} characters, got {width}.")
    is_points = np.shape(frame.state) == (2,)
    body = _plot(frame, width) if is_points else _side_by_side(frame, width)
    return "\n".join(
        line[:width].rstrip() for line in [header_line(frame), *body, *_ranking(frame)]
    )


def _side_by_side(frame: Frame, width: int) -> list[str]:
    panels = []
    for title, image in (("state", frame.state), ("goal", frame.goal)):
        rows = _shade(image, frame.low, frame.high, (width - len(GAP)) // 2 - 2)
        columns = max(len(rows[0]), len(title) + 2)
        body = [f"│{row:<{columns}}│" for row in rows]
        panels.append([f"┌{' ' + title + ' ':─<{columns}}┐", *body, f"└{'─' * columns}┘"])
    return [left + GAP + right for left, right in zip(*panels, strict=True)]


def _shade(image: np.ndarray, low: float, high: float, columns: int) -> list[str]:
    """Convert an image (C, height, width) to rows of at most `columns` shades.

    A character is about twice as high as it is wide.
    """
    grey = np.asarray(image, np.float32).mean(axis=0)  # (height, width)
    height, width = grey.shape
    columns = next((fit for fit in (2 * width, width) if fit <= columns), columns)
    rows = max(1, round(columns * height / (2 * width)))  # 2: the shape of a character
    small = np.array(Image.fromarray(grey).resize((columns, rows), Image.Resampling.BOX))
    unit = np.clip((small - low) / (high - low), 0, 1)
    levels = np.rint(unit * (len(SHADES) - 1)).astype(int)  # (rows, columns), indices of SHADES
    return ["".join(SHADES[level] for level in row) for row in levels]


def _plot(frame: Frame, width: int) -> list[str]:
    """Plot points in a box, with a legend below."""
    columns = min(width - 2, 43)  # 2 for the border
    rows = columns // 2  # about a square, as characters are twice as high as wide
    cells = np.full((rows, columns), " ")

    def mark(point: np.ndarray, letter: str) -> None:
        unit = np.clip((np.asarray(point) - frame.low) / (frame.high - frame.low), 0, 1)
        cells[round((1 - unit[1]) * (rows - 1)), round(unit[0] * (columns - 1))] = letter

    mask = np.asarray(frame.action_mask, bool)
    for index in np.argsort(mask, kind="stable"):  # valid ones last, so on top
        mark(frame.proposals[index], "o" if mask[index] else "·")
    if frame.chosen is not None:
        mark(frame.proposals[frame.chosen], "@")
    mark(frame.goal, "G")
    mark(frame.state, "S")
    legend = "S state  G goal  o proposal  · invalid  @ chosen"
    body = ["│" + "".join(row) + "│" for row in cells]
    return [f"┌{'─' * columns}┐", *body, f"└{'─' * columns}┘", legend]


def _ranking(frame: Frame) -> list[str]:
    """List the most probable proposals, and the chosen one if it is not among them."""
    prior = prior_probabilities(frame.log_prior)
    listed = np.argsort(-prior, kind="stable")[:NUM_LISTED].tolist()  # ties by index
    if frame.chosen is not None and frame.chosen not in listed:
        listed.append(frame.chosen)
    lines = ["proposals, most probable first"]
    for index in listed:
        notes = ["chosen"] * (index == frame.chosen) + ["invalid"] * (not frame.action_mask[index])
        lines.append(f"  {index:>4}  {prior[index]:.3f}  {', '.join(notes)}")
    return lines
