"""Ready-made guidance functions; their scores are log-likelihoods in nats."""

from agents.guidance.scorers.class_score import ClassScore
from agents.guidance.scorers.low_resolution import LowResolution
from agents.guidance.scorers.nearest import Nearest
from agents.guidance.scorers.strokes import Strokes
from agents.guidance.scorers.visible_pixels import VisiblePixels
from agents.guidance.scorers.weighted_sum import WeightedSum

__all__ = [
    "ClassScore",
    "LowResolution",
    "Nearest",
    "Strokes",
    "VisiblePixels",
    "WeightedSum",
]
