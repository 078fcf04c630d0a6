"""The images that `gcgen guide` is given, and the guidance made of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from agents.common.given_images import Image, fit_image, match_channels, to_values
from agents.guidance import ClassScore, LowResolution, Nearest, Strokes, VisiblePixels
from agents.guidance.black_box import Guidance
from agents.guidance.scorers.class_score import CLASS_WEIGHT
from agents.guidance.scorers.low_resolution import check_divides
from agents.guidance.scorers.own_class import OwnClass
from gcgen_env.datasets.image_files import read_image
from gcgen_env.datasets.images import resize_images
from gcgen_env.model.chain import Chain

VARIATION_WEIGHT = 0.1
"""With 1 the answers would be reconstructions."""
HIDDEN = 0.35
"""Brightness of hidden pixels in pictures, as a share of the range."""


class Wish(NamedTuple):
    """One thing that the images of a model shall fit."""

    guidance: Guidance
    """Scores images."""
    shown: Image | None
    """What pictures show as given, shape (C, height, width); None if there is no image."""
    label: str
    """The text above it."""
    weight: float = 1.0
    """How much it counts at `--scale 1`."""


def wish_class(label: int, chain: Chain, dataset: str | None) -> Wish:
    """Wish for a class of a conditional model, which draws it by itself, or for a digit.

    Args:
        label: The class.
        chain: The model's chain.
        dataset: What the model was trained on; None if its file does not say.

    Raises:
        ValueError: If there is no such class, or the model's images are not MNIST's.
    """
    if chain.num_classes:
        return Wish(OwnClass(label), None, f"class {label}")
    guidance = ClassScore(label)
    wanted = guidance.classifier.config.shape
    if chain.shape != wanted or dataset not in ("mnist", None):
        name = "" if dataset is None else f" of {dataset}"
        raise ValueError(
            f"--class needs a model of MNIST's digits, images of shape {wanted}, got "
            f"{chain.shape}{name}: from Python a classifier of your own can guide"
        )
    return Wish(guidance, None, f"class {label}", CLASS_WEIGHT)


def wish_visible(path: Path, mask: Path, chain: Chain) -> Wish:
    """Wish for the visible pixels of an image; what is bright in the mask is to be filled in.

    Raises:
        ValueError: If a file cannot be read, or the mask has another size.
    """
    image, cover = read_image(path), np.asarray(read_image(mask).mean(0))
    if image.shape[1:] != cover.shape:
        sizes = [f"{width} x {height}" for height, width in (image.shape[1:], cover.shape)]
        raise ValueError(f"--mask must be as large as --inpaint, {sizes[0]} pixels, got {sizes[1]}")
    given = fit_image(image, chain)
    bright = (cover >= 128).astype(np.float32)[None, None]
    hidden = resize_images(bright, chain.shape[-1])[0, 0] > 0  # every pixel that it touches
    guidance = VisiblePixels(given, hidden, chain.likelihood)
    return Wish(guidance, np.where(hidden, to_values(HIDDEN, chain), given), "given")


def wish_small(path: Path, chain: Chain) -> Wish:
    """Wish for images that look like a small one when they are shrunk.

    Raises:
        ValueError: If the file cannot be read, or its sides do not divide those of the images.
    """
    small = to_values(match_channels(read_image(path), chain.shape[0]), chain)
    rows, columns = check_divides(small.shape, chain.shape)
    shown = small.repeat(rows, axis=1).repeat(columns, axis=2)
    return Wish(LowResolution(small, chain.likelihood), shown, "small")


def wish_near(path: Path, chain: Chain) -> Wish:
    """Wish for images near another one."""
    given = fit_image(read_image(path), chain)
    return Wish(Nearest(given, chain.likelihood), given, "given", VARIATION_WEIGHT)


def wish_strokes(path: Path, chain: Chain) -> Wish:
    """Wish for edges where the strokes of a drawing are, bright on black."""
    grey = match_channels(read_image(path), 1)  # (1, height, width)
    strokes = resize_images(grey[None], chain.shape[-1])[0]
    shown = np.broadcast_to(to_values(strokes, chain), chain.shape)
    likelihood = chain.likelihood
    return Wish(Strokes(strokes[0], likelihood.low, likelihood.high), shown, "strokes")
