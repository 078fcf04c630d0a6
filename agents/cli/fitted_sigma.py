"""How a run ends if its environment leaves sigma open: it is fitted to validation images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agents.cli.run_folder import RunRecord
from agents.gcgen import GCGen
from agents.gcgen.validation_watch import load_images
from gcgen_env.model.build import DEFAULT_SIGMA

MOST_IMAGES = 256
"""Largest number of validation images, evenly spread."""


def needs_sigma(model: GCGen) -> bool:
    """Return whether a run ends with fitting sigma.

    It does if the S-agent is trained, the environment leaves sigma open, and there are validation
    images: on its training images a model seems better than it is.
    """
    config = model.env_config
    assert config is not None
    if config.likelihood != "gaussian" or config.sigma is not None:
        return False
    try:
        load_images(model)
    except ValueError:
        return False
    return model.config.train_s_agent


def fit_sigma(model: GCGen, record: RunRecord) -> tuple[RunRecord, str]:
    """Fit sigma, in place.

    Returns:
        The record of the run, and a sentence.
    """
    images = model.load_split("validation")
    index = np.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES)).astype(np.int64)
    sigma = model.fit_sigma(images.take(index))
    sentence = f"sigma fitted to {len(index)} validation images: {sigma:.3g}"
    return replace(record, is_fitted=True), sentence


def forget_sigma(model: GCGen, record: RunRecord) -> RunRecord:
    """Return to the sigma of the training, in place: a run that had ended goes on."""
    if record.is_fitted:
        model.set_sigma(DEFAULT_SIGMA)
    return replace(record, is_fitted=False)
