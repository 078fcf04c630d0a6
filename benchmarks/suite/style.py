"""The style of the pictures of the suite: names, colours, and the curves below each picture."""

from __future__ import annotations

import itertools
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.suite.plays import Play
from gcgen_env.atomic_files import write_bytes

COLORS = {"best": "#0072B2", "two_step": "#009E73", "greedy": "#D55E00", "random": "#666666"}
"""Colours that people tell apart who do not see red and green (Okabe and Ito, 2008)."""
STYLES = {"best": "-", "two_step": "--", "greedy": ":", "random": "-."}
"""Line styles, which tell the plays apart without colours."""
NAMES = {"best": "best known", "two_step": "two-step", "greedy": "greedy", "random": "random"}
"""Names of the plays that are shown, from the best to the worst."""
WIDTH, DPI = 7.0, 150
"""Width of a picture in inches, and its dots in an inch: 1,050 pixels."""
RAISED, LOWERED = "#0072B2", "#E69F00"
"""Colours of values that a proposal raises and lowers."""
FONT = 11
"""Size of the smallest text, in points: it is readable where a page is 350 pixels wide."""


def draw_curves(axes: Any, plays: dict[str, Play]) -> None:
    """Draw the mean score of the plays after each decision."""
    best = plays["best"].gain[:, -1].mean()
    ends = []
    for name in ("best", "two_step", "greedy"):
        curve = plays[name].gain.mean(0) / best  # (H + 1,)
        axes.plot(curve, STYLES[name], color=COLORS[name], lw=2.2)
        ends.append((float(curve[-1]), name))
    low, high = axes.get_ylim()
    place, step = np.inf, 0.15 * (high - low)  # room for one name
    for end, name in sorted(ends, reverse=True):
        place = min(end, place - step)
        axes.annotate(
            f" {NAMES[name]} {end:.2f}", (len(curve) - 1, place), color=COLORS[name],
            fontsize=FONT, va="center", annotation_clip=False,
        )  # fmt: skip
    axes.axhline(0, color="0.8", lw=0.8, zorder=0)
    axes.set_xlim(0, len(curve) - 1)
    axes.set_xlabel(f"decisions (mean of {len(plays['best'].goal)} goals)", fontsize=FONT)
    axes.set_ylabel("score", fontsize=FONT)
    axes.tick_params(labelsize=FONT)
    axes.spines[["top", "right"]].set_visible(False)


def find_typical(plays: dict[str, Play]) -> int:
    """Return the goal on which greedy play loses about as much as it does on the average.

    Among the goals on which more look-ahead gains more, it is the one whose headroom and whose
    best known gain are closest to those of the task.
    """
    gains = {name: plays[name].gain[:, -1] for name in NAMES}
    order = [gains[name] for name in NAMES]  # from the best to the worst
    usual = np.all([high > low for high, low in itertools.pairwise(order)], axis=0)
    usual |= ~usual.any()  # all goals if none is usual
    best, greedy = gains["best"] / gains["best"].mean(), gains["greedy"] / gains["best"].mean()
    room = np.abs((best - greedy) - (1 - greedy.mean())) / (1 - greedy.mean())
    return int(np.where(usual, room + np.abs(best - 1), np.inf).argmin())


def save(figure: Any, path: Path) -> None:
    """Write a figure as a PNG of at most 128 colours, which is a third as large."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=DPI, format="png")
    picture = Image.open(buffer).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small = BytesIO()
    picture.save(small, format="PNG", optimize=True)
    write_bytes(path, small.getvalue())


def describe_end(play: Play, goal: int) -> str:
    """Return the gain of a play in nats and its last distance, in two lines."""
    return f"{play.gain[goal, -1]:+.0f} nats\ndist. {play.distance[goal, -1]:.2f}"
