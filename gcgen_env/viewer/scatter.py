"""Draw points: the body of a frame, and scatter plots of samples."""

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import (
    ACCENT,
    BACKGROUND,
    GOAL,
    MUTED,
    PRIOR,
    SMALL,
    TEXT,
    Color,
    dim,
    text_width,
    to_array,
    write,
)
from gcgen_env.viewer.plane import GUTTER, Plane
from gcgen_env.viewer.types import Frame, check_bounds, check_finite, prior_probabilities

FRAME_SIDE, PLOT_SIDE, LEGEND = 560, 480, 32  # pixels
NAMES: tuple[tuple[str, Color], ...] = (
    ("state", TEXT),
    ("goal", GOAL),
    ("proposals, larger = more probable", PRIOR),
    ("chosen", ACCENT),
)


def draw_points(frame: Frame) -> Image.Image:
    """Draw the body of a frame of points, without the header."""
    plane = Plane(FRAME_SIDE, frame.low, frame.high)
    _draw_proposals(plane, frame)
    plane.ring(frame.goal, 11, GOAL, width=2)
    plane.dot(frame.goal, 5, GOAL)
    plane.dot(frame.state, 8, BACKGROUND)
    plane.dot(frame.state, 6, TEXT)
    picture = Image.new("RGB", (FRAME_SIDE + 16, FRAME_SIDE + LEGEND), BACKGROUND)
    picture.paste(plane.picture(), (0, 0))
    _draw_names(picture, NAMES if frame.chosen is not None else NAMES[:-1])
    return picture


def scatter_plot(
    points: np.ndarray,
    low: float,
    high: float,
    reference: np.ndarray | None = None,
    trajectories: np.ndarray | None = None,
) -> np.ndarray:
    """Draw points as a scatter plot.

    Args:
        points: Points, shape (N, 2).
        low: Lower end of both axes, which are widened if a point lies outside.
        high: Upper end of both axes.
        reference: Points drawn in grey below the others, shape (M, 2).
        trajectories: Trajectories drawn as thin lines, shape (H+1, N, 2).

    Returns:
        Picture, shape (480, 480, 3), uint8.

    Raises:
        ValueError: If a shape is wrong, a coordinate is not finite, or `low` >= `high`.
    """
    check_bounds(low, high)
    points = _as_points("points", points, 2)
    under = _as_points("reference", np.empty((0, 2)) if reference is None else reference, 2)
    paths = _as_points(
        "trajectories", np.empty((1, 0, 2)) if trajectories is None else trajectories, 3
    )
    every = np.concatenate([part.reshape(-1, 2) for part in (points, under, paths)])
    plane = Plane(PLOT_SIDE, *_axis_limits(low, high, every))
    for point in under:
        plane.dot(point, _radius(len(under)), MUTED, opacity=0.45)
    for path in paths.swapaxes(0, 1):  # (N, H+1, 2)
        plane.line(path, PRIOR, width=1, opacity=0.4)
    for point in points:
        plane.dot(point, _radius(len(points)), PRIOR, opacity=0.85)
    return to_array(plane.picture())


def _draw_proposals(plane: Plane, frame: Frame) -> None:
    """Draw dots above arrows, and valid proposals above invalid ones."""
    prior = prior_probabilities(frame.log_prior)
    radii = 3 + 8 * np.sqrt(prior / prior.max())  # (A,), pixels
    mask = np.asarray(frame.action_mask, bool)
    order = np.lexsort((-radii, mask))  # invalid first, then from large to small
    for index in order:
        opacity = 0.5 if mask[index] else 0.15
        plane.arrow(frame.state, frame.proposals[index], radii[index] + 1, PRIOR, opacity)
    for index in order:
        color = PRIOR if mask[index] else dim(PRIOR)
        plane.dot(frame.proposals[index], radii[index], color)
    if frame.chosen is not None:
        end, radius = frame.proposals[frame.chosen], radii[frame.chosen] + 6
        plane.arrow(frame.state, end, radius, ACCENT, 1.0)
        plane.ring(end, radius, ACCENT)


def _draw_names(picture: Image.Image, names: tuple[tuple[str, Color], ...]) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = GUTTER + 4, FRAME_SIDE + 10
    for name, color in names:
        draw.ellipse((x, y - 4, x + 8, y + 4), fill=color)
        write(draw, (x + 16, y), name, SMALL, MUTED, anchor="lm")
        x += 16 + text_width(name, SMALL) + 28


def _axis_limits(low: float, high: float, points: np.ndarray) -> tuple[float, float]:
    """Widen [low, high] on both sides by eighths of its length to include every coordinate."""
    overflow = max(low - points.min(initial=low), points.max(initial=high) - high)
    eighth = (high - low) / 8
    margin = float(np.ceil(overflow / eighth) * eighth)  # 0 if no point lies outside
    return low - margin, high + margin


def _as_points(name: str, values: np.ndarray, ndim: int) -> np.ndarray:
    points = np.asarray(values, np.float64)
    if points.ndim != ndim or points.shape[-1] != 2:
        wanted = "(N, 2)" if ndim == 2 else "(H+1, N, 2)"
        raise ValueError(f"Expected {name} of shape {wanted}, got {points.shape}.")
    check_finite(name, points)
    return points


def _radius(count: int) -> float:
    """Return the radius of dots in pixels, smaller for more dots."""
    return float(np.clip(40 / np.sqrt(max(count, 1)), 1.5, 4.0))
