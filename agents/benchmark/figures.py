"""The figures of a benchmark: learning curves, intervals, a montage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

from agents.benchmark.results import Outcome, Table
from agents.benchmark.study import IMAGES
from gcgen_env.viewer import image_grid

STYLES = ("-", "--", ":", "-.")


def draw_figures(out: Path, table: Table) -> list[Path]:
    """Draw everything that the outcomes allow, and return the files.

    Raises:
        ImportError: If matplotlib is not installed: `pip install "gcgen[bench]"`.
    """
    paths = [_draw_curves(out, table, x) for x in ("steps", "seconds")]
    paths.append(_draw_intervals(out, table))
    for env in table.envs:
        montage = _draw_montage(out, table, env)
        paths += [montage] if montage else []
    return paths


def _draw_curves(out: Path, table: Table, x: str) -> Path:
    """Draw score against steps or seconds: mean over seeds, shaded between extremes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(table.envs), 4.5), layout="constrained")
    panels = figure.subplots(1, len(table.envs), squeeze=False)[0]
    for axes, env in zip(panels, table.envs, strict=True):
        for place, name in enumerate(table.contestants):
            cell = table.cell(env, name)
            if not cell:
                continue
            color, style = f"C{place % 10}", STYLES[place // 10 % len(STYLES)]
            label = name if axes is panels[0] else None
            if not cell[0].last["steps"]:  # has learned nothing
                level = np.mean([o.last["score"] for o in cell])
                axes.axhline(level, color=color, ls=style, lw=1, label=label)
                continue
            at, scores = _gather(cell, x)
            axes.plot(at, scores.mean(0), color=color, ls=style, label=label)
            axes.fill_between(at, scores.min(0), scores.max(0), color=color, alpha=0.12, lw=0)
        axes.set_title(env)
        axes.set_xlabel("steps" if x == "steps" else "seconds of learning")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(-0.6, max(1.15, axes.get_ylim()[1]))
    panels[0].set_ylabel("normalised score")
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    path = out / f"curves_{x}.png"
    figure.savefig(path, dpi=130)
    return path


def _gather(cell: list[Outcome], x: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return positions (P,) and scores (R, P) of the points that all seeds have."""
    points = min(len(o.result["curve"]) for o in cell)
    scores = np.array([[p["score"] for p in o.result["curve"][:points]] for o in cell])
    if x == "steps":
        return np.array([p["steps"] for p in cell[0].result["curve"][:points]]), scores
    return np.mean([o.timing["seconds"][:points] for o in cell], axis=0), scores


def _draw_intervals(out: Path, table: Table) -> Path:
    """Draw the interquartile means with their intervals, one row for each contestant."""
    from matplotlib.figure import Figure

    found = [(name, table.interval(name)) for name in reversed(table.contestants)]
    rows = [(name, interval) for name, interval in found if interval is not None]
    figure = Figure(figsize=(7, 0.32 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    for y, (_, interval) in enumerate(rows):
        axes.plot([interval.low, interval.high], [y, y], color="C0", lw=6, alpha=0.35)
        axes.plot(interval.value, y, "o", color="C0", ms=5)
    for anchor in (0, 1):
        axes.axvline(anchor, color="0.7", lw=1, zorder=0)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_xlabel("interquartile mean of the normalised score, 95 % interval")
    axes.spines[["top", "right", "left"]].set_visible(False)
    path = out / "scores.png"
    figure.savefig(path, dpi=130)
    return path


def _draw_montage(out: Path, table: Table, env: str) -> Path | None:
    """Draw the goals, and under them what each contestant's first seed made of them."""
    cells = [(name, table.cell(env, name)) for name in table.contestants]
    arrays = [(name, load_file(cell[0].folder / IMAGES)) for name, cell in cells if cell]
    if not arrays or arrays[0][1]["goal"].ndim != 4:
        return None  # points are no pictures
    rows = [("goal", arrays[0][1]["goal"]), *((name, found["image"]) for name, found in arrays)]
    return _write_montage(out / f"montage_{env}.png", rows)


def _write_montage(path: Path, rows: list[tuple[str, NDArray[np.float32]]]) -> Path:
    """Write labelled rows of images."""
    from PIL import ImageDraw, ImageFont

    strips = [image_grid(images, columns=len(images)) for _, images in rows]
    height, width = strips[0].shape[:2]
    font, margin = ImageFont.load_default(size=max(12, height // 3)), 260
    canvas = Image.new("RGB", (width + margin, height * len(rows)), "white")
    pen = ImageDraw.Draw(canvas)
    for i, ((name, _), strip) in enumerate(zip(rows, strips, strict=True)):
        canvas.paste(Image.fromarray(strip), (margin, i * height))
        pen.text((8, i * height + height // 3), name, fill="black", font=font)
    canvas.save(path)
    return path
