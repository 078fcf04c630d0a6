"""Judges what a model draws: figures beside those of real images, and a page to look at."""

from typing import TYPE_CHECKING

from agents.common.lazy_names import import_at_first_use

if TYPE_CHECKING:
    from agents.evaluation.embedding import Embedding, find_embedding
    from agents.evaluation.evaluation import Evaluation, evaluate_samples
    from agents.evaluation.judge import Judge, Scores
    from agents.evaluation.page import make_page
    from agents.evaluation.report import describe_evaluation, list_lines
    from agents.evaluation.sets import ImageSets, choose_sets
else:
    __getattr__, __dir__ = import_at_first_use(
        __name__,
        {
            "Embedding": "agents.evaluation.embedding",
            "Evaluation": "agents.evaluation.evaluation",
            "ImageSets": "agents.evaluation.sets",
            "Judge": "agents.evaluation.judge",
            "Scores": "agents.evaluation.judge",
            "choose_sets": "agents.evaluation.sets",
            "describe_evaluation": "agents.evaluation.report",
            "evaluate_samples": "agents.evaluation.evaluation",
            "find_embedding": "agents.evaluation.embedding",
            "list_lines": "agents.evaluation.report",
            "make_page": "agents.evaluation.page",
        },
    )

__all__ = [
    "Embedding",
    "Evaluation",
    "ImageSets",
    "Judge",
    "Scores",
    "choose_sets",
    "describe_evaluation",
    "evaluate_samples",
    "find_embedding",
    "list_lines",
    "make_page",
]
