"""Measures how often a conditional S-agent draws the class that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.guidance.classes import NUM_CLASSES, judge, take_class
from gcgen_env.model.s_agent import SAgent

NUCLEI = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6)
"""Prior mass of the proposals that are drawn from; 1 leaves out none."""


def measure_conditional(s_agent: SAgent, num: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row of results for each nucleus, and one of real images in place of samples.

    Args:
        s_agent: A conditional one of MNIST.
        num: Number of images of each class.
        seed: Seed of all draws.

    Raises:
        ValueError: If the S-agent is not conditional.
    """
    if s_agent.chain.num_classes != NUM_CLASSES:
        raise ValueError("--what conditional needs --s-agent, trained with --condition label")
    for nucleus in NUCLEI:
        narrow = replace(s_agent, chain=replace(s_agent.chain, nucleus=nucleus))
        images = [narrow.sample(num, seed + c, label=c) for c in range(NUM_CLASSES)]
        yield {"nucleus": nucleus, **_judge(images)}
    real = [take_class(label, num, "train") for label in range(NUM_CLASSES)]
    yield {"nucleus": "training images", **_judge(real)}


def _judge(images: list[np.ndarray]) -> dict[str, float]:
    """Return hit-rate, half of its 95 % interval, and coverage."""
    found = judge(images)
    share, total = found["hit_rate"], sum(map(len, images))
    # Classes have equal numbers of images, so the mean of the rates is the rate of all.
    return {**found, "error": 1.96 * float(np.sqrt(share * (1 - share) / total))}
