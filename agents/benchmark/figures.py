"""Draws the figures of a benchmark: learning curves with the references, reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agents.benchmark.contestants import CONTESTANTS, PREVIEWS, find_contestant
from agents.benchmark.ranking import RANKED_BY, rank_references
from agents.benchmark.results import FEWEST_RUNS, Table
from agents.benchmark.run_files import Outcome
from agents.benchmark.scores import bootstrap_mean
from gcgen_env.viewer import image_grid

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours that people tell apart who do not see red and green (Okabe and Ito, 2008)."""
STYLES = {True: ("-", "-."), False: ("--", (0, (3, 1, 1, 1, 1, 1)))}
"""Line styles of contestants that need previews, and of others; the second ones as colours run
out."""
WIDTH, HEIGHT = 4.8, 3.3
"""Inches of a panel; on the screen of a phone its text is still large enough."""
SHOWN = {"greedy": ":", "two_step": "--", "best": "-"}
"""References that are drawn as grey lines, and their styles."""
LOWEST = -0.25
"""Curves below this score are cut off, so that they do not flatten all others."""
MARGIN = 0.12
"""What a panel shows below the lowest end of a curve, as a share of its height above it."""
GAP = 0.055
"""Smallest distance of two labels, as a share of the height of a panel."""


class Label(NamedTuple):
    """The name of a line in a panel."""

    name: str
    """What is written."""
    height: float
    """Score at the end of the line."""
    color: str
    """Colour of the line."""
    style: Any
    """Style of the line, as matplotlib has them."""


def draw_figures(out: Path, tables: Sequence[Table]) -> list[Path]:
    """Draw all figures, and return their files.

    Raises:
        ImportError: If matplotlib is not installed: `pip install -e '.[bench]'`.
    """
    paths = [draw_curves(out / f"scores_{table.track}.png", table) for table in tables]
    for table in tables:
        montages = (_draw_montage(out, table, env) for env in table.envs)
        paths += [path for path in montages if path is not None]
    return paths


def draw_curves(path: Path, table: Table) -> Path:
    """Draw the scores of a track against decisions: one panel for each task, one above another."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT * len(table.envs)), layout="constrained")
    panels = figure.subplots(len(table.envs), 1, squeeze=False)[:, 0]
    for axes, env in zip(panels, table.envs, strict=True):
        labels = _draw_references(axes, table.track, env)
        for name in table.contestants:
            if find_contestant(name).learns and table.cell(env, name):
                labels.append(_draw_contestant(axes, table, env, name))
        axes.set_title(f"{env}, {table.track}", fontsize=11, loc="left")
        axes.set_ylabel(RANKED_BY[table.track])
        axes.spines[["top", "right"]].set_visible(False)
        axes.locator_params("x", nbins=4)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x / 1000:g}k" if x else "0")
        axes.set_ylim(*_choose_limits([label.height for label in labels]))
        _write_labels(axes, labels)
    panels[-1].set_xlabel("decisions")
    figure.savefig(path, dpi=170, bbox_inches="tight")  # long names, too
    return path


def _choose_limits(ends: list[float]) -> tuple[float, float]:
    """Return lowest and highest score of a panel that shows the ends of its curves large."""
    top = max(ends)  # at least 1, that of the best known
    bottom = max(LOWEST, min(ends))
    return bottom - MARGIN * (top - bottom), top + MARGIN / 2 * (top - bottom)


def _draw_references(axes: Any, track: str, env: str) -> list[Label]:
    """Draw the references as grey lines; return their labels."""
    found = rank_references(track, env)
    heights = {name: found[name] for name in SHOWN}
    for name, height in heights.items():
        axes.axhline(height, color="0.55", ls=SHOWN[name], lw=1, zorder=1)
    return [
        Label(name.replace("_", " "), height, "0.45", SHOWN[name])
        for name, height in heights.items()
    ]


def _choose_look(table: Table, name: str) -> tuple[str, Any]:
    """Return colour and style of a contestant: the same in every track and study."""
    everyone = map(find_contestant, dict.fromkeys([*CONTESTANTS, *table.contestants]))
    needs = {each.name: each.tracks == PREVIEWS for each in everyone if each.learns}
    place = [each for each in needs if needs[each] == needs[name]].index(name)
    return COLORS[place % len(COLORS)], STYLES[needs[name]][place // len(COLORS) % 2]


def _draw_contestant(axes: Any, table: Table, env: str, name: str) -> Label:
    """Draw the mean curve over seeds and its 95 % interval; return its label."""
    cell = table.cell(env, name)
    at, values = _gather(cell)  # (P,), (R, P)
    color, style = _choose_look(table, name)
    axes.plot(at, values.mean(0), color=color, ls=style, lw=1.8)
    if len(values) >= FEWEST_RUNS:
        axes.fill_between(at, *bootstrap_mean(values), color=color, alpha=0.15, lw=0)
    return Label(name, float(values.mean(0)[-1]), color, style)


def _write_labels(axes: Any, labels: list[Label]) -> None:
    """Write names with their lines at the right, at the heights of the ends, one above another."""
    low, high = axes.get_ylim()
    labels = sorted(labels, key=lambda label: label.height)
    heights = _spread(np.clip([label.height for label in labels], low, high), low, high)
    place = axes.get_yaxis_transform()  # x from 0 to 1 across the panel
    for label, height in zip(labels, heights, strict=True):
        sample = {"color": label.color, "ls": label.style, "lw": 1.8, "transform": place}
        axes.plot([1.02, 1.13], [height, height], clip_on=False, **sample)
        axes.text(1.16, height, label.name, fontsize=9, va="center", transform=place)


def _spread(heights: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Move rising heights apart, upwards, and then down where they pass the top of the panel."""
    step = GAP * (high - low)
    place = step * np.arange(len(heights))
    up = np.maximum.accumulate(heights - place) + place
    return np.minimum.accumulate((np.minimum(up, high) - place)[::-1])[::-1] + place


def _gather(cell: list[Outcome]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return decisions (P,), and what the track is ranked by (R, P), of R seeds' P points."""
    points = min(len(o.result["curve"]) for o in cell)  # seeds may differ in their number of points
    values = np.array([[o.rank(p) for p in o.result["curve"][:points]] for o in cell])
    return np.array([p["steps"] for p in cell[0].result["curve"][:points]]), values


def _draw_montage(out: Path, table: Table, env: str) -> Path | None:
    """Draw goals, and below them the final images of each contestant's first seed."""
    cells = [(name, table.cell(env, name)) for name in table.contestants]
    arrays = [(name, cell[0].images) for name, cell in cells if cell]
    if not arrays or arrays[0][1]["goal"].ndim != 4:
        return None  # points, not images
    rows = [("goal", arrays[0][1]["goal"]), *((name, found["image"]) for name, found in arrays)]
    return _write_montage(out / f"images_{table.track}_{env}.png", rows)


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
