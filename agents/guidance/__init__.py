"""Guided generation without gradients: any function that scores images steers the choices."""

from typing import TYPE_CHECKING

from agents.common.lazy_names import import_at_first_use

if TYPE_CHECKING:
    from agents.guidance.classifier import Classifier
    from agents.guidance.errors import GuidanceError, GuidanceInterrupted
    from agents.guidance.guided_sample import GuidedSample
    from agents.guidance.sampling import sample_guided
    from agents.guidance.scorers import (
        ClassScore,
        LowResolution,
        Nearest,
        Strokes,
        VisiblePixels,
        WeightedSum,
    )
else:
    __getattr__, __dir__ = import_at_first_use(
        __name__,
        {
            "ClassScore": "agents.guidance.scorers",
            "Classifier": "agents.guidance.classifier",
            "GuidanceError": "agents.guidance.errors",
            "GuidanceInterrupted": "agents.guidance.errors",
            "GuidedSample": "agents.guidance.guided_sample",
            "LowResolution": "agents.guidance.scorers",
            "Nearest": "agents.guidance.scorers",
            "Strokes": "agents.guidance.scorers",
            "VisiblePixels": "agents.guidance.scorers",
            "WeightedSum": "agents.guidance.scorers",
            "sample_guided": "agents.guidance.sampling",
        },
    )

__all__ = [
    "ClassScore",
    "Classifier",
    "GuidanceError",
    "GuidanceInterrupted",
    "GuidedSample",
    "LowResolution",
    "Nearest",
    "Strokes",
    "VisiblePixels",
    "WeightedSum",
    "sample_guided",
]
