"""Model cards: a folder that a model hub takes, with an S-agent and what one must know of it."""

from agents.cards.card import ModelCard
from agents.cards.figures import Figures, measure_figures
from agents.cards.readme import make_readme

__all__ = ["Figures", "ModelCard", "make_readme", "measure_figures"]
