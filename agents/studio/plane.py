"""SVG of a plane that one clicks: the point, its path, the proposals, and a goal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from agents.studio.shared_model import Board, Code, Image, SharedModel
from agents.studio.tiles import format_share

SIDE = 1000
"""Side of the plane in units of the SVG; the page scales it."""
ROOM = 45
"""Distance between two numbers that can both be read, in units of the SVG."""


def draw_plane(
    model: SharedModel,
    board: Board,
    path: Code,
    gains: NDArray[np.float64] | None = None,
    goal: Image | None = None,
) -> str:
    """Return the plane; each proposal is a button, larger if it is more probable.

    Args:
        model: A model of points.
        board: What is proposed.
        path: The choices so far, and those taken back.
        gains: How much each proposal gains, shape (V,), in nats.
        goal: A point to reach, shape (2,).
    """
    points = to_places(model, model.show([path[:h] for h in range(len(path) + 1)]))
    step = len(board.code)
    parts = [_draw_grid(), _draw_path(points, step)]
    if goal is not None:
        x, y = to_places(model, goal[None])[0]
        parts.append(f'<circle class="goal" cx="{x:.0f}" cy="{y:.0f}" r="22"/>')
    parts += _draw_proposals(model, board, points[step], gains)
    parts += _draw_shares(board, to_places(model, board.images), points[step])
    x, y = points[step]
    parts.append(f'<circle class="here" cx="{x:.0f}" cy="{y:.0f}" r="13"/>')
    return (
        f'<svg class="plane" viewBox="0 0 {SIDE} {SIDE}" role="group" '
        f'aria-label="the plane, {len(board.action)} proposals">{"".join(parts)}</svg>'
    )


def to_places(model: SharedModel, points: Image) -> NDArray[np.float64]:
    """Return where points (N, 2) lie in the SVG, shape (N, 2); y points down."""
    low, high = model.likelihood.low, model.likelihood.high
    unit = np.clip((points - low) / (high - low), 0, 1)
    return SIDE * np.stack([unit[:, 0], 1 - unit[:, 1]], axis=1)  # y of the data points up


def to_radius(share: float, board: Board) -> float:
    """Return the radius of a proposal's circle, whose area shows the probability."""
    return float(14 + 34 * np.sqrt(share / board.probability[0]))


def _draw_grid() -> str:
    """Return lines at the quarters."""
    at = [SIDE * i // 4 for i in range(5)]
    across = "".join(f"M0 {y}H{SIDE}" for y in at)
    down = "".join(f"M{x} 0V{SIDE}" for x in at)
    return f'<path class="grid" d="{across}{down}"/>'


def _draw_path(points: NDArray[np.float64], step: int) -> str:
    """Return lines through the states so far, and through those ahead."""
    done, ahead = _join(points[: step + 1]), _join(points[step:])
    return f'<polyline class="path" points="{done}"/><polyline class="ahead" points="{ahead}"/>'


def _join(points: NDArray[np.float64]) -> str:
    """Return points as an attribute of SVG."""
    return " ".join(f"{x:.0f},{y:.0f}" for x, y in points)


def _draw_proposals(
    model: SharedModel,
    board: Board,
    here: NDArray[np.float64],
    gains: NDArray[np.float64] | None,
) -> Sequence[str]:
    """Return the proposals, the most probable ones first."""
    best = None if gains is None or not len(gains) else int(gains.argmax())
    parts = []
    for i, (x, y) in enumerate(to_places(model, board.images)):
        share = board.probability[i]
        label = f"proposal {i + 1}, probability {format_share(share)}"
        if gains is not None:
            label += f", gain {gains[i]:+.1f} nats" + (", the largest" if i == best else "")
        event = {"what": "choose", "value": int(board.action[i]), "step": len(board.code)}
        radius = to_radius(share, board)
        parts.append(
            f'<line class="arrow" x1="{here[0]:.0f}" y1="{here[1]:.0f}" x2="{x:.0f}" '
            f'y2="{y:.0f}"/><g class="dot{" best" if i == best else ""}" role="button" '
            f'tabindex="0" data-event="{escape(json.dumps(event))}" aria-label="{escape(label)}">'
            f"<title>{escape(label)}</title>"
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}"/></g>'
        )
    return parts


def _draw_shares(board: Board, places: NDArray[np.float64], here: NDArray[np.float64]) -> list[str]:
    """Return the probabilities, above all circles; one that would cover another is left out."""
    taken, parts = [here], []
    for share, place in zip(board.probability, places, strict=True):
        if min(np.abs(place - other).max() for other in taken) < ROOM:
            continue
        taken.append(place)
        x, y = place
        radius = to_radius(share, board)
        below = 9 if radius > ROOM / 2 else radius + 26  # beside a circle that it would hide
        parts.append(
            f'<text class="share" x="{x:.0f}" y="{y + below:.0f}">{format_share(share)}</text>'
        )
    return parts
