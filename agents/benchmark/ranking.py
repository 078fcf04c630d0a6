"""What the tracks are ranked by: the score, or success where nothing else is rewarded."""

from __future__ import annotations

from typing import Any

from agents.benchmark.references import find_references
from agents.benchmark.scores import normalise
from agents.benchmark.tasks import find_task
from gcgen_env.tasks import ENV_CONFIGS

RANKED_BY = {"previews": "score", "compact": "score", "sparse": "success"}
"""For each track, "score" or "success", the share of goals within the task's own threshold."""


def find_threshold(env: str) -> int:
    """Return which of the thresholds of a task is that of the environment's own `is_success`."""
    return find_task(env).thresholds.index(ENV_CONFIGS[env].success_threshold)


def rank(track: str, env: str, point: dict[str, Any]) -> float:
    """Return what an agent is ranked by, given a point of its learning curve."""
    return point["score"] if RANKED_BY[track] == "score" else point["success"][find_threshold(env)]


def rank_references(track: str, env: str) -> dict[str, float]:
    """Return what the references of a task reach of that."""
    references = find_references(env)
    best = references["best"]["gain"]
    return {
        name: rank(track, env, {**each, "score": float(normalise(each["gain"], best))})
        for name, each in references.items()
    }
