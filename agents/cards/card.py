"""`ModelCard`: what a model card says, and the licence that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.cards.figures import Figures
from gcgen_env.model.s_agent import FILE_NAME, SAgent

README, LICENSE = "README.md", "LICENSE"
PICTURES = {
    "samples.png": "64 samples",
    "drawing.gif": "the same samples, step by step",
    "trajectories.png": "from the initial state to the sample, one in each row",
    "reconstructions.png": "test images above their reconstructions",
}
"""Names and captions of the pictures; the last one needs test images."""
FILES = (FILE_NAME, README, LICENSE, *PICTURES)
"""Every file that the folder of a card may hold."""


@dataclass(frozen=True)
class ModelCard:
    """What a model card says."""

    title: str
    """Name of the model, and of its folder."""
    s_agent: SAgent
    """The model."""
    data: str
    """Name of its data set."""
    pictures: tuple[str, ...]
    """Names of the pictures in the folder."""
    figures: Figures | None = None
    """Figures on test images; None if these were not at hand."""
    num_train: int | None = None
    """Number of training images; None if they were not at hand."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained, in words: "command", "seed", "updates" and others."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Every setting of the training."""
    license: str = "mit"
    """Identifier of the licence, as model hubs have it."""


def make_mit(author: str | None, year: int) -> str:
    """Return the text of the MIT licence for a model."""
    return MIT.format(year=year, author=author or "the author of this model")


MIT = """\
MIT License

Copyright (c) {year} {author}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
