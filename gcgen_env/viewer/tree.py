"""Draw a tree of images from left to right, with examples beside its leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from gcgen_env.viewer.drawing import (
    BACKGROUND,
    LINE,
    MUTED,
    PRIOR,
    SMALL,
    TEXT,
    text_width,
    to_array,
    to_rgb,
    upscale,
    write,
)

TILE_SIDE = 56  # pixels, about
ROW_GAP, COLUMN_GAP, MARGIN, TITLE = 8, 84, 12, 28  # pixels
BEND = 20  # pixels between an image and the vertical line on its right
THICKEST = 30  # pixels, a line of probability 1


class TreeNode(NamedTuple):
    """One image of a tree."""

    image: np.ndarray
    """Shape (C, height, width)."""
    probability: float
    """That of the way to it from its parent, in [0, 1]: written on the line, and its width."""
    children: tuple[TreeNode, ...]
    """The nodes on its right, from top to bottom."""
    examples: np.ndarray
    """Images beside a leaf, shape (n, C, height, width)."""


def tree_picture(
    root: TreeNode, titles: Sequence[str], low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Draw a tree, whose leaves are all as deep.

    Args:
        root: The node on the left.
        titles: A text above each column of nodes, and one above the examples.
        low: Value of black.
        high: Value of white.

    Returns:
        Picture, shape (height, width, 3), uint8.

    Raises:
        ValueError: If an image has another shape than (C, height, width), or the number of titles
            is not the number of columns.
    """
    if np.ndim(root.image) != 3:
        raise ValueError(f"Expected images (C, height, width), got {np.shape(root.image)}.")
    depth, leaves = _measure(root)
    if len(titles) != depth + 2:
        raise ValueError(f"Expected {depth + 2} titles, got {len(titles)}.")
    side = max(root.image.shape[1:])
    scale = max(1, (TILE_SIDE + side // 2) // side)
    height, width = (n * scale for n in root.image.shape[1:])
    num = max(len(leaf.examples) for leaf in _list_leaves(root))
    size = (
        2 * MARGIN + (depth + 1) * (width + COLUMN_GAP) + num * (width + ROW_GAP) - ROW_GAP,
        2 * MARGIN + TITLE + leaves * (height + ROW_GAP) - ROW_GAP,
    )
    picture = Image.new("RGB", size, BACKGROUND)
    painter = _Painter(picture, (height, width), scale, (low, high))
    painter.write_titles(titles)
    painter.draw(root, 0, 0)
    return to_array(picture)


def _measure(node: TreeNode) -> tuple[int, int]:
    """Return the number of levels below a node, and the number of its leaves."""
    if not node.children:
        return 0, 1
    depths, leaves = zip(*map(_measure, node.children), strict=True)
    return 1 + max(depths), sum(leaves)


def _list_leaves(node: TreeNode) -> list[TreeNode]:
    """Return the leaves below a node, from top to bottom."""
    if not node.children:
        return [node]
    return [leaf for child in node.children for leaf in _list_leaves(child)]


class _Painter:
    """Draws nodes at their places."""

    def __init__(
        self,
        picture: Image.Image,
        tile: tuple[int, int],
        scale: int,
        bounds: tuple[float, float],
    ) -> None:
        self.picture, self.pen = picture, ImageDraw.Draw(picture)
        self.tile, self.scale, self.bounds = tile, scale, bounds

    def write_titles(self, titles: Sequence[str]) -> None:
        """Write a text above each column."""
        for column, title in enumerate(titles):
            write(self.pen, (self._left(column), MARGIN), title, SMALL, MUTED)

    def draw(self, node: TreeNode, depth: int, row: int) -> tuple[int, float]:
        """Draw a node and all below it, from a row of leaves on.

        Returns:
            The number of its leaves, and the height of the middle of its image.
        """
        height, width = self.tile
        left, leaves, middles = self._left(depth), 0, []
        for child in node.children:
            count, middle = self.draw(child, depth + 1, row + leaves)
            leaves += count
            middles.append(middle)
        pitch = height + ROW_GAP
        middle = MARGIN + TITLE + row * pitch + height / 2
        if middles:
            middle = (middles[0] + middles[-1]) / 2
        for child, other in zip(node.children, middles, strict=True):
            self._join((left + width, middle), (self._left(depth + 1), other), child.probability)
        self._paste(node.image, left, middle)
        if node.children and (rest := 1 - sum(child.probability for child in node.children)) > 0:
            below = (left, middle + height / 2 + 4)
            write(self.pen, below, f"others {_percent(rest)}", SMALL, MUTED)
        if not node.children:
            start = self._left(depth + 1)
            for i, image in enumerate(node.examples):
                self._paste(image, start + i * (width + ROW_GAP), middle)
        return max(1, leaves), middle

    def _left(self, column: int) -> int:
        return MARGIN + column * (self.tile[1] + COLUMN_GAP)

    def _paste(self, image: np.ndarray, left: float, middle: float) -> None:
        """Draw an image around the middle of its height."""
        pixels = upscale(to_rgb(image, *self.bounds), self.scale)
        top = round(middle - self.tile[0] / 2)
        self.picture.paste(Image.fromarray(np.ascontiguousarray(pixels)), (round(left), top))

    def _join(
        self, start: tuple[float, float], end: tuple[float, float], probability: float
    ) -> None:
        """Draw a line as wide as its probability, with the figure at its end."""
        width = max(1, round(THICKEST * probability))
        bend = start[0] + BEND
        label = _percent(probability)
        stop = end[0] - text_width(label, SMALL) - 12
        for line in ((start, (bend, start[1])), ((bend, start[1]), (bend, end[1]))):
            self.pen.line(line, fill=LINE, width=1)
        self.pen.line(((bend, end[1]), (stop, end[1])), fill=PRIOR, width=width)
        write(self.pen, (end[0] - 6, end[1]), label, SMALL, TEXT, anchor="rm")


def _percent(probability: float) -> str:
    """Write a probability in per cent, small ones with a decimal."""
    return f"{probability:.0%}" if probability >= 0.01 else f"{probability:.1%}"
