"""How a run ends if its environment leaves sigma open: it is fitted to validation images."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from agents.cli.run_folder import RunRecord
from agents.gcgen import GCGen
from agents.gcgen.validation_watch import draw_samples, measure

MOST_IMAGES = 256
"""Largest number of validation images, evenly spread."""


def needs_sigma(model: GCGen) -> bool:
    """Return whether the S-agent was trained, and its environment leaves sigma open."""
    config = model.env_config
    assert config is not None
    is_open = config.likelihood == "gaussian" and config.sigma is None
    return is_open and model.config.train_s_agent


def fit_sigma(model: GCGen, record: RunRecord) -> tuple[RunRecord, str]:
    """Fit sigma, in place.

    The bounds of a model depend on it, so those of the best model are evaluated again: a run that
    is resumed compares its next models with them.

    Returns:
        The record of the run, and a sentence.
    """
    images = model.load_split("validation")  # all images if they are few
    index = np.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES)).astype(np.int64)
    sigma = model.fit_sigma(images.take(index))
    s, best = "s" * (len(index) > 1), record.best
    if best is not None:
        best = asdict(measure(model, draw_samples(model)))
    record = replace(record, best=best, is_fitted=True)
    return record, f"sigma fitted to {len(index)} validation image{s}: {sigma:.3g}"
