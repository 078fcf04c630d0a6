"""The page of an evaluation: one HTML file with its pictures inside, which opens offline."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.evaluation import Evaluation
from agents.evaluation.report import Line, list_lines
from gcgen_env.viewer import image_grid, nearest_grid
from gcgen_env.viewer.files import encode_png

COLUMNS = 8

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child, td:last-child, th:last-child { text-align: left }
td:last-child, figcaption, footer { color: #666; font-size: .9rem }
figure { margin: 1rem 0 } img { max-width: 100%; image-rendering: pixelated }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head><body>
<h1>{title}</h1>
<h2>Bounds on the negative log-likelihood</h2>
{bounds}
<h2>What is drawn, beside real images</h2>
<p>Everything is compared with {reference:,} images that were not trained on, by {features}. A
perfect model has the figures of the real images. If the reconstructions are good and the samples
are not, the model can draw but chooses wrongly; if the reconstructions are bad, it cannot draw.</p>
{table}
{pictures}
<footer>{footer}</footer>
</body></html>
"""


def make_page(
    title: str,
    evaluation: Evaluation,
    bounds: Sequence[str],
    footer: str,
    low: float = 0.0,
    high: float = 1.0,
) -> str:
    """Return the page as HTML.

    Args:
        title: Its heading.
        evaluation: Figures and images.
        bounds: Sentences about the bounds.
        footer: How the figures were made.
        low: Smallest value of an image.
        high: Largest value.
    """
    names = [each.name for each in evaluation.scores]
    pictures = [
        _draw(image_grid(images, COLUMNS, low=low, high=high), f"{name.capitalize()}.")
        for name, images in evaluation.pictures.items()
    ]
    caption = "Samples above the nearest training images; root of the mean squared difference."
    pictures.append(_draw(nearest_grid(*evaluation.nearest, COLUMNS, low, high), caption))
    return _PAGE.format(
        title=escape(title),
        style=_STYLE,
        bounds="".join(f"<p>{escape(sentence)}</p>" for sentence in bounds),
        reference=evaluation.num_reference,
        features=escape(evaluation.features),
        table=_draw_table(names, list_lines(evaluation.scores)),
        pictures="\n".join(pictures),
        footer=escape(footer),
    )


def _draw_table(names: Sequence[str], lines: Sequence[Line]) -> str:
    """Return a table with one column for each set of images."""
    rows = [_draw_row("th", ["", *names, "how to read it"])]
    rows += [_draw_row("td", [line.name, *line.values, line.meaning]) for line in lines]
    return f"<table>{''.join(rows)}</table>"


def _draw_row(tag: str, cells: Sequence[str]) -> str:
    """Return a row of a table."""
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _draw(picture: NDArray[np.uint8] | Any, caption: str) -> str:
    """Return a picture that is part of the page."""
    data = b64encode(encode_png(picture)).decode()  # inside the page: it opens offline
    alt = escape(caption, quote=True)
    return (
        f'<figure><img alt="{alt}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
