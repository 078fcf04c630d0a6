"""A square plot of points and arrows with smooth edges."""

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import BACKGROUND, LINE, MUTED, PANEL, SMALL, Color, write

SUPERSAMPLING = 3  # drawn larger and reduced, which smooths edges
GUTTER = 42
"""Width in pixels of the margin for the numbers on both axes."""


class Plane:
    """A plot of the square [low, high] x [low, high], drawn enlarged and then reduced.

    Args:
        size: Height and width of the picture with the numbers, in pixels.
        low: Coordinate of the left and bottom edges.
        high: Coordinate of the right and top edges.
    """

    def __init__(self, size: int, low: float, high: float) -> None:
        self._size, self._low, self._high = size, low, high
        self._inset = 14  # pixels, so that dots on the bounds are not cut
        self._side = size - GUTTER - 8  # 8: the margin without numbers
        large = (self._side * SUPERSAMPLING,) * 2
        self._picture = Image.new("RGB", large, PANEL)
        self._draw = ImageDraw.Draw(self._picture, "RGBA")
        for value in np.linspace(low, high, 5):
            self._gridline(float(value))

    def dot(self, point: np.ndarray, radius: float, color: Color, opacity: float = 1.0) -> None:
        """Draw a disc at `point`, shape (2,); `radius` in pixels, `opacity` in [0, 1]."""
        self._draw.ellipse(self._box(point, radius), fill=(*color, round(255 * opacity)))

    def ring(self, point: np.ndarray, radius: float, color: Color, width: float = 3) -> None:
        """Draw a circle around `point`, shape (2,); `radius` and `width` in pixels."""
        line = round(width * SUPERSAMPLING)
        self._draw.ellipse(self._box(point, radius), outline=(*color, 255), width=line)

    def line(
        self, points: np.ndarray, color: Color, width: float = 1.5, opacity: float = 1.0
    ) -> None:
        """Draw a line through `points`, shape (n, 2); `width` in pixels."""
        corners = [self._pixel(point) for point in points]
        fill = (*color, round(255 * opacity))
        self._draw.line(corners, fill=fill, width=round(width * SUPERSAMPLING), joint="curve")

    def arrow(
        self, start: np.ndarray, end: np.ndarray, gap: float, color: Color, opacity: float
    ) -> None:
        """Draw an arrow from `start` that stops `gap` pixels before `end`, both of shape (2,)."""
        tail, target = np.array(self._pixel(start)), np.array(self._pixel(end))
        length = float(np.linalg.norm(target - tail))
        head = 7.0 * SUPERSAMPLING  # length of the tip
        if length <= head + gap * SUPERSAMPLING:  # no room for the tip
            return
        along = (target - tail) / length  # (2,), length 1
        across = 0.5 * head * np.array([-along[1], along[0]])  # (2,), perpendicular
        tip = target - along * gap * SUPERSAMPLING
        base = tip - along * head
        fill = (*color, round(255 * opacity))
        self._draw.line([*tail, *base], fill=fill, width=2 * SUPERSAMPLING)
        self._draw.polygon([*tip, *(base + across), *(base - across)], fill=fill)

    def picture(self) -> Image.Image:
        """Return the plot with its numbers, `size` x `size` pixels."""
        picture = Image.new("RGB", (self._size, self._size), BACKGROUND)
        picture.paste(self._picture.reduce(SUPERSAMPLING), (GUTTER, 8))
        draw, bottom = ImageDraw.Draw(picture), 8 + self._side
        middle = (self._low + self._high) / 2
        for value in (self._low, middle, self._high):
            x, y = (part / SUPERSAMPLING for part in self._pixel(np.full(2, value)))
            label = f"{value:.3g}"
            write(draw, (GUTTER + x, bottom + 6), label, SMALL, MUTED, anchor="ma")
            write(draw, (GUTTER - 6, 8 + y), label, SMALL, MUTED, anchor="rm")
        return picture

    def _pixel(self, point: np.ndarray) -> tuple[float, float]:
        """Convert coordinates to pixels of the enlarged picture, clipped to its edges."""
        unit = np.clip((np.asarray(point, np.float64) - self._low) / (self._high - self._low), 0, 1)
        x, y = self._inset + unit * (self._side - 2 * self._inset)
        return float(x * SUPERSAMPLING), float((self._side - y) * SUPERSAMPLING)  # y points up

    def _box(self, point: np.ndarray, radius: float) -> tuple[float, float, float, float]:
        x, y = self._pixel(point)
        large = radius * SUPERSAMPLING
        return x - large, y - large, x + large, y + large

    def _gridline(self, value: float) -> None:
        x, y = self._pixel(np.full(2, value))
        side, fill = self._side * SUPERSAMPLING, (*LINE, 130)
        self._draw.line([x, 0, x, side], fill=fill, width=SUPERSAMPLING)
        self._draw.line([0, y, side, y], fill=fill, width=SUPERSAMPLING)
