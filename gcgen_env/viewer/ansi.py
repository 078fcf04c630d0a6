"""One frame of an episode as plain Unicode text, for terminals and logs."""

import numpy as np
from PIL import Image

from gcgen_env.viewer.types import Frame, check_frame, header_line, prior_probabilities

SHADES = " ░▒▓█"
GAP = "   "
NUM_LISTED = 5
NARROWEST = 24


def render_ansi(frame: Frame, width: int = 80) -> str:
    """Write one decision as text: header, pictures, the most probable proposals.

    Images show state and goal side by side in five shades, a character being half as wide as it
    is high; points share one small plot.

    Args:
        frame: What to show.
        width: Longest line allowed, in characters; at least 24.

    Returns:
        Several lines without escape sequences.

    Raises:
        ValueError: If the frame cannot be drawn (see `render_rgb`) or `width` is too small.
    """
    check_frame(frame)
    if width < NARROWEST:
        raise ValueError(f"Expected a width of at least {NARROWEST} characters, got {width}.")
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
    """Turn an image (C, h, w) into rows of shades, at most `columns` wide."""
    grey = np.asarray(image, np.float32).mean(axis=0)
    height, width = grey.shape
    columns = next((fit for fit in (2 * width, width) if fit <= columns), columns)
    rows = max(1, round(columns * height / (2 * width)))
    small = np.array(Image.fromarray(grey).resize((columns, rows), Image.Resampling.BOX))
    unit = np.clip((small - low) / (high - low), 0, 1)
    levels = np.rint(unit * (len(SHADES) - 1)).astype(int)
    return ["".join(SHADES[level] for level in row) for row in levels]


def _plot(frame: Frame, width: int) -> list[str]:
    """Plot points in a box: S state, G goal, o proposal, · invalid proposal, @ chosen."""
    columns = min(width - 2, 43)
    rows = columns // 2
    cells = np.full((rows, columns), " ")

    def mark(point: np.ndarray, letter: str) -> None:
        unit = np.clip((np.asarray(point) - frame.low) / (frame.high - frame.low), 0, 1)
        cells[round((1 - unit[1]) * (rows - 1)), round(unit[0] * (columns - 1))] = letter

    mask = np.asarray(frame.action_mask, bool)
    for index in np.argsort(mask, kind="stable"):
        mark(frame.proposals[index], "o" if mask[index] else "·")
    if frame.chosen is not None:
        mark(frame.proposals[frame.chosen], "@")
    mark(frame.goal, "G")
    mark(frame.state, "S")
    body = ["│" + "".join(row) + "│" for row in cells]
    return [
        f"┌{'─' * columns}┐",
        *body,
        f"└{'─' * columns}┘",
        "S state  G goal  o proposal  · invalid  @ chosen",
    ]


def _ranking(frame: Frame) -> list[str]:
    """List the most probable proposals, and the chosen one if it is not among them."""
    prior = prior_probabilities(frame.log_prior)
    listed = np.argsort(-prior, kind="stable")[:NUM_LISTED].tolist()
    if frame.chosen is not None and frame.chosen not in listed:
        listed.append(frame.chosen)
    lines = ["proposals, most probable first"]
    for index in listed:
        notes = ["chosen"] * (index == frame.chosen) + ["invalid"] * (not frame.action_mask[index])
        lines.append(f"  {index:>4}  {prior[index]:.3f}  {', '.join(notes)}")
    return lines
