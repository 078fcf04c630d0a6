"""Draws a task of images: its goal, its proposals, and how the references play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.suite.plays import Play
from benchmarks.suite.style import (
    COLORS,
    FONT,
    LOWERED,
    NAMES,
    RAISED,
    WIDTH,
    describe_end,
    draw_curves,
    find_typical,
    save,
)

LEFT, RIGHT = 1.05, 0.95
"""Width of the margins for names and for gains, in inches."""
TOP, TITLE, CURVES = 0.42, 0.34, 2.2
"""Height of the title of a part, and of the part with the curves, in inches."""


def draw_images(
    plays: dict[str, Play], atoms: NDArray[np.float32], signed: bool, path: Path
) -> None:
    """Draw the picture of a task.

    Args:
        plays: The play of each reference.
        atoms: The proposals of the first step, shape (A, height, width).
        signed: Whether some of them lower values.
        path: File to write.
    """
    from matplotlib.figure import Figure

    columns = plays["best"].images.shape[1]  # H + 1
    cell = (WIDTH - LEFT - RIGHT) / columns  # inches
    lines = max(1, -(-len(atoms) // 16))  # of sixteen proposals each
    small = (WIDTH - LEFT - 0.1) / 16
    strip = max(lines * small, 0.8)
    height = TOP + strip + TITLE + len(NAMES) * cell + CURVES
    figure = Figure(figsize=(WIDTH, height))
    sheet = _Sheet(figure, height)
    goal = find_typical(plays)
    _draw_top(sheet, plays["best"].goal[goal, 0], atoms, signed, small)
    top = TOP + strip + TITLE
    for h in range(columns):
        name = "start" if h == 0 else str(h)
        sheet.write(LEFT + (h + 0.5) * cell, top - 0.06, name, ha="center", color="0.35")
    for row, name in enumerate(NAMES):
        y = top + row * cell
        sheet.write(0.05, y + 0.5 * cell, NAMES[name], color=COLORS[name], va="center")
        for h, image in enumerate(plays[name].images[goal, :, 0]):
            axes = sheet.add(LEFT + h * cell, y, cell, cell, 0.03)
            axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        end = describe_end(plays[name], goal)
        sheet.write(WIDTH - RIGHT + 0.05, y + 0.5 * cell, end, color=COLORS[name], va="center")
    draw_curves(sheet.add(LEFT, height - CURVES + 0.25, 4.5, CURVES - 0.8, frame=True), plays)
    save(figure, path)


def _draw_top(
    sheet: _Sheet, goal: NDArray[np.float32], atoms: NDArray[np.float32], signed: bool, small: float
) -> None:
    """Draw the goal, and the proposals beside it."""
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("change", [LOWERED, "white", RAISED])
    sheet.write(0.05, TOP - 0.1, "goal")
    sheet.add(0.05, TOP, 0.8, 0.8).imshow(goal, cmap="gray", vmin=0, vmax=1)
    what = "blue raises, orange lowers" if signed else "blue pixels are inverted"
    sheet.write(LEFT, TOP - 0.1, f"the {len(atoms)} proposals: {what}")
    if len(atoms) <= 16:  # room for one more line
        how = "adds one, each weaker than the last" if signed else "inverts one rectangle"
        sheet.write(LEFT, TOP + 0.65, f"a decision {how}", color="0.35")
    most = np.abs(atoms).max()
    for i, atom in enumerate(atoms):
        line, place = divmod(i, 16)
        axes = sheet.add(LEFT + place * small, TOP + line * small, small, small, 0.03, frame=True)
        axes.imshow(atom, cmap=colors, vmin=-most, vmax=most)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color="0.7", lw=0.5)


class _Sheet:
    """Places parts of a figure in inches from its upper left corner."""

    def __init__(self, figure: Any, height: float) -> None:
        """Store the figure."""
        self.figure, self.height = figure, height

    def add(
        self, x: float, y: float, width: float, height: float, gap: float = 0.0, frame: bool = False
    ) -> Any:
        """Return new axes."""
        size = (width - gap) / WIDTH, (height - gap) / self.height
        axes = self.figure.add_axes((x / WIDTH, 1 - (y + height - gap) / self.height, *size))
        if not frame:
            axes.axis("off")
        return axes

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write text; its lower left corner is at this place."""
        self.figure.text(x / WIDTH, 1 - y / self.height, text, fontsize=FONT, **style)
