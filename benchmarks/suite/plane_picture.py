"""Draws a task of the plane: its goals, its proposals, and the paths of the references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.suite.plays import Play
from benchmarks.suite.style import (
    COLORS,
    FONT,
    NAMES,
    RAISED,
    STYLES,
    WIDTH,
    describe_end,
    draw_curves,
    find_typical,
    save,
)

HEIGHT = 8.4
"""Height of the picture in inches."""
MARKERS = {"best": "s", "two_step": "D", "greedy": "^"}
"""Where the paths end."""
REACHED = 0.02
"""Distance of a success; the radius of its circle is sqrt(2) times as large."""


def draw_plane(plays: dict[str, Play], changes: NDArray[np.float32], path: Path) -> None:
    """Draw the picture of a task.

    Args:
        plays: The play of each reference.
        changes: What each proposal adds at each step, shape (H, A, 2).
        path: File to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))
    goal = find_typical(plays)
    _draw_steps(figure, changes)
    everything = figure.add_axes((0.07, 0.42, 0.42, 0.42 * WIDTH / HEIGHT))
    near = figure.add_axes((0.55, 0.42, 0.42, 0.42 * WIDTH / HEIGHT))
    everything.set_title("goals, and paths to one of them", fontsize=FONT, loc="left")
    near.set_title("enlarged: goal and circle of success", fontsize=FONT, loc="left")
    x, y = plays["best"].goal.T  # (E,) both
    everything.plot(x, y, ".", color="0.7", ms=3)
    _draw_paths(everything, plays, goal, 1.0)
    everything.plot(*plays["best"].images[goal, 0], "o", color="black", ms=7)
    ticks = (-1, 0, 1)
    everything.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), xticks=ticks, yticks=ticks)
    _draw_paths(near, plays, goal, 0.35)
    _zoom(near, plays, goal)
    _write_ends(figure, plays, goal)
    draw_curves(figure.add_axes((0.11, 0.07, 0.64, 0.2)), plays)
    save(figure, path)


def _draw_steps(figure: Any, changes: NDArray[np.float32]) -> None:
    """Draw the proposals of each step as arrows, all to the same scale."""
    figure.text(0.06, 0.967, f"the {changes.shape[1]} proposals of each decision", fontsize=FONT)
    most, width = 1.15 * np.abs(changes).max(), 0.89 / len(changes)
    for h, moves in enumerate(changes):
        axes = figure.add_axes(
            (0.06 + h * width, 0.86, 0.92 * width, 0.92 * width * WIDTH / HEIGHT)
        )
        for x, y in moves:
            axes.annotate(
                "", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": RAISED, "lw": 1.4,
                                                 "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
        axes.set(xlim=(-most, most), ylim=(-most, most), xticks=[], yticks=[])
        axes.spines[:].set(color="0.8", lw=0.6)
        axes.set_xlabel(str(h + 1), fontsize=FONT, labelpad=2)


def _draw_paths(axes: Any, plays: dict[str, Play], goal: int, opacity: float) -> None:
    """Draw the paths of three plays to a goal, with a dot after each decision."""
    for name in ("greedy", "two_step", "best"):
        x, y = plays[name].images[goal].T  # (H + 1,) both
        axes.plot(x, y, STYLES[name], color=COLORS[name], lw=1.6, alpha=opacity)
        axes.plot(x, y, "o", color=COLORS[name], ms=3.5, alpha=opacity)
        axes.plot(x[-1], y[-1], MARKERS[name], color=COLORS[name], ms=9, mec="white", zorder=4)
    axes.plot(*plays["best"].goal[goal], "*", color="black", ms=12, mec="white", zorder=5)
    axes.tick_params(labelsize=FONT)
    axes.spines[:].set(color="0.8", lw=0.6)


def _zoom(axes: Any, plays: dict[str, Play], goal: int) -> None:
    """Show the surroundings of a goal with the ends of the plays, and the circle of success."""
    from matplotlib.patches import Circle

    center = plays["best"].goal[goal]
    ends = np.stack([plays[name].images[goal, -1] for name in ("two_step", "greedy")])
    half = max(2.5 * REACHED, 1.2 * float(np.abs(ends - center).max()))
    axes.add_patch(Circle(tuple(center), 2**0.5 * REACHED, fill=False, ls="--", color="0.3"))
    axes.set(xlim=(center[0] - half, center[0] + half), ylim=(center[1] - half, center[1] + half))
    axes.set(xticks=[], yticks=[])


def _write_ends(figure: Any, plays: dict[str, Play], goal: int) -> None:
    """Write the gains of the plays to the goal."""
    for i, name in enumerate(NAMES):
        text = f"{NAMES[name]}\n{describe_end(plays[name], goal)}"
        figure.text(0.06 + 0.235 * i, 0.315, text, fontsize=FONT, color=COLORS[name])
