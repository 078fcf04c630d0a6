"""Agents without learning, for comparison; each has SB3's `predict`."""

from agents.baselines.base import Baseline
from agents.baselines.greedy import GreedyAgent
from agents.baselines.prior import PriorAgent
from agents.baselines.random import RandomAgent

__all__ = ["Baseline", "GreedyAgent", "PriorAgent", "RandomAgent"]
