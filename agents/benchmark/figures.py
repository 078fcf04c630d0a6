"""Draws the figures of a benchmark: learning curves, intervals, reconstructions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.results import FEWEST_RUNS, Table
from agents.benchmark.run_files import Outcome
from agents.benchmark.scores import bootstrap_mean
from gcgen_env.viewer import image_grid

AXES = {"steps": "steps", "seconds": "seconds of learning"}
"""Horizontal axes of the learning curves, and their labels."""
STYLES = {"": "-", "proposals": "--", "pointer": ":"}
"""Line styles of the policies, which a contestant's name states after the plus."""
NEAR = (0.95, 1.025)
"""Scores around greedy look-ahead that are drawn a second time, enlarged."""
REFERENCES = {"random": ":", "prior": "--", "greedy": "-"}
"""Line styles of contestants without learning."""


def draw_figures(out: Path, table: Table) -> list[Path]:
    """Draw all figures, and return their files.

    Raises:
        ImportError: If matplotlib is not installed: `pip install -e '.[bench]'`.
    """
    paths = [_draw_intervals(out, table)]
    paths += [_draw_curves(out, table, y, x) for y in ("score", "return") for x in AXES]
    for env in table.envs:
        montage = _draw_montage(out, table, env)
        paths += [montage] if montage else []
    return paths


def _draw_curves(out: Path, table: Table, y: str, x: str) -> Path:
    """Draw the score or the return against progress: the mean over seeds and its 95 % interval."""
    from matplotlib.figure import Figure

    near = y == "score"  # only scores have an enlarged panel
    figure = Figure(figsize=(4.6 * len(table.envs) + 2, 6.5 if near else 4.5), layout="constrained")
    heights = (2, 3) if near else (1,)
    panels = figure.subplots(len(heights), len(table.envs), squeeze=False, height_ratios=heights)
    for column, env in enumerate(table.envs):
        for axes in panels[:, column]:
            for name in table.contestants:
                _draw_contestant(axes, table, env, name, y, x)
            axes.spines[["top", "right"]].set_visible(False)
        bottom, top = panels[-1, column], panels[0, column]
        top.set_title(env)
        bottom.set_xlabel(AXES[x])
        if near:
            bottom.set_ylim(max(-0.6, bottom.get_ylim()[0]), 1.15)  # outliers must not flatten all
            top.set_ylim(*NEAR)
            top.tick_params(labelbottom=False)
    panels[-1, 0].set_ylabel("normalised score" if near else "return (nats)")
    found = [axes.get_legend_handles_labels() for axes in panels[-1]]
    shown = {label: handle for both in found for handle, label in zip(*both, strict=True)}
    names = [name for name in table.contestants if name in shown]
    figure.legend(
        [shown[name] for name in names], names, loc="outside right upper", frameon=False, fontsize=8
    )
    path = out / f"{y}_{x}.png"
    figure.savefig(path, dpi=130)
    return path


def _draw_contestant(axes: Any, table: Table, env: str, name: str, y: str, x: str) -> None:
    """Draw one curve, or a grey line for a contestant without learning."""
    cell = table.cell(env, name)
    if not cell:
        return
    if not CONTESTANTS[name].learns:
        level = np.mean([o.last[y] for o in cell])
        axes.axhline(level, color="0.6", ls=REFERENCES.get(name, "-."), lw=1, label=name, zorder=1)
        return
    at, values = _gather(cell, x, y)  # (P,), (R, P)
    color, style = _find_color(name), STYLES[name.partition("+")[2]]
    axes.plot(at, values.mean(0), color=color, ls=style, lw=1.4, label=name)
    if len(values) >= FEWEST_RUNS:
        axes.fill_between(at, *bootstrap_mean(values), color=color, alpha=0.12, lw=0)


def _find_color(name: str) -> Any:
    """Return the colour of an algorithm, which all of its policies share."""
    from matplotlib import colormaps

    bases = [each.partition("+")[0] for each, c in CONTESTANTS.items() if c.learns]
    return colormaps["tab20"](list(dict.fromkeys(bases)).index(name.partition("+")[0]) % 20)


def _gather(cell: list[Outcome], x: str, y: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return positions (P,) and values (R, P) of the P points that all R seeds have."""
    points = min(len(o.result["curve"]) for o in cell)  # seeds may differ in their number of points
    values = np.array([[p[y] for p in o.result["curve"][:points]] for o in cell])
    if x == "steps":
        return np.array([p["steps"] for p in cell[0].result["curve"][:points]]), values
    return np.mean([o.timing["seconds"][:points] for o in cell], axis=0), values


def _draw_intervals(out: Path, table: Table) -> Path:
    """Draw the interquartile means and their intervals, best first, and again enlarged."""
    from matplotlib.figure import Figure

    found = [(name, table.interval(name)) for name in table.contestants]
    rows = [(name, interval) for name, interval in found if interval is not None]
    rows.sort(key=lambda row: row[1].value)  # ascending: the y axis points up
    figure = Figure(figsize=(9, 0.3 * len(rows) + 1.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for axes in panels:
        for place, (name, interval) in enumerate(rows):
            color = _find_kind(name)
            axes.plot([interval.low, interval.high], [place] * 2, color=color, lw=6, alpha=0.35)
            axes.plot(interval.value, place, "o", color=color, ms=5)
        for anchor in (0, 1):  # random actions, greedy look-ahead
            axes.axvline(anchor, color="0.8", lw=1, zorder=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
    panels[0].set_yticks(range(len(rows)), [name for name, _ in rows])
    panels[1].set_xlim(*NEAR)
    figure.supxlabel("normalised score: interquartile mean, 95 % interval; right: near 1", size=10)
    path = out / "scores.png"
    figure.savefig(path, dpi=130)
    return path


def _find_kind(name: str) -> str:
    """Return grey for contestants without learning, and a colour for each kind of policy."""
    if not CONTESTANTS[name].learns:
        return "0.5"
    return "C1" if "+" in name else "C2" if name.startswith("gcgen") else "C0"


def _draw_montage(out: Path, table: Table, env: str) -> Path | None:
    """Draw goals, and below them the final images of each contestant's first seed."""
    cells = [(name, table.cell(env, name)) for name in table.contestants]
    arrays = [(name, cell[0].images) for name, cell in cells if cell]
    if not arrays or arrays[0][1]["goal"].ndim != 4:
        return None  # points, not images
    rows = [("goal", arrays[0][1]["goal"]), *((name, found["image"]) for name, found in arrays)]
    return _write_montage(out / f"montage_{env}.png", rows)


def _write_montage(path: Path, rows: list[tuple[str, NDArray[np.float32]]]) -> Path:
    """Write a picture of labelled rows of images."""
    from PIL import ImageDraw, ImageFont

    strips = [image_grid(images, columns=len(images)) for _, images in rows]
    height, width = strips[0].shape[:2]
    font = ImageFont.load_default(size=max(12, height // 4))
    margin = 20 + int(max(font.getlength(name) for name, _ in rows))  # pixels for the labels
    canvas = Image.new("RGB", (width + margin, height * len(rows)), "white")
    pen = ImageDraw.Draw(canvas)
    for i, ((name, _), strip) in enumerate(zip(rows, strips, strict=True)):
        canvas.paste(Image.fromarray(strip), (margin, i * height))
        pen.text((8, i * height + height // 3), name, fill="black", font=font)
    canvas.save(path)
    return path
