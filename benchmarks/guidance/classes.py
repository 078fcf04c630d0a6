"""Measures guidance by a class: do digits look like it to a judge, and how many kinds are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from agents.guidance.classifier import load_shipped
from agents.guidance.guided_sample import GuidedSample
from agents.guidance.sampling import sample_guided
from agents.guidance.scorers import ClassScore
from benchmarks.guidance.rules import accept, pick_best, sample_top_two
from gcgen_env.datasets import load_dataset
from gcgen_env.model.s_agent import SAgent

Images = NDArray[np.float32]
NUM_CLASSES = 10
NEIGHBOURS = 5
NUM_REAL = 200
"""Real images of each class, whose neighbourhoods the drawn ones shall cover."""
SETTINGS = (*((2.0**i, 1) for i in range(-1, 7)), (1.0, 4), (2.0, 8))
"""Scale and number of particles of each line."""
SURE = float(np.log(0.9))
"""Log-probability of a class above which an image is accepted."""
EQUAL = (4.0, 1)
"""The setting whose calls the best of N may spend, too."""


def measure_coverage(real: NDArray[Any], drawn: NDArray[Any]) -> float:
    """Return the share of real images with a drawn one nearer than their fifth real neighbour.

    Coverage of Naeem et al. (2020).

    Args:
        real: Features, shape (N, F).
        drawn: Features, shape (M, F).
    """
    radius = np.sort(cdist(real, real), axis=1)[:, NEIGHBOURS]  # column 0 is the image itself
    return float((cdist(real, drawn).min(1) <= radius).mean())


def take_class(label: int, num: int, split: str = "test") -> Images:
    """Return the first images of a class."""
    data = load_dataset("mnist", split)
    return data.take(np.flatnonzero(data.labels == label)[:num])


def judge(images: list[Images]) -> dict[str, float]:
    """Return hit-rate and coverage of images that were made for class 0, 1, ...

    Coverage grows with the number of images: at most as many are used as there are real ones.
    """
    classifier = load_shipped("mnist_judge")
    hits = [
        (classifier.log_prob(each).argmax(1) == label).mean() for label, each in enumerate(images)
    ]
    coverage = [
        measure_coverage(*map(classifier.embed, (take_class(label, NUM_REAL), each[:NUM_REAL])))
        for label, each in enumerate(images)
        if len(each) > NEIGHBOURS
    ]
    return {"hit_rate": float(np.mean(hits)), "coverage": float(np.mean(coverage))}


def measure_classes(s_agent: SAgent, num: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row of results for each rule.

    Args:
        s_agent: The shipped one of MNIST.
        num: Number of images of each class.
        seed: Seed of all draws.
    """
    equal = 0
    for scale, particles in SETTINGS:
        samples = [
            sample_guided(s_agent.chain, num, ClassScore(c), scale, particles, seed + c)
            for c in range(NUM_CLASSES)
        ]
        calls = count_calls(samples)
        equal = round(calls) if (scale, particles) == EQUAL else equal
        row = {"rule": "guided", "scale": scale, "particles": particles, "calls": calls}
        yield row | judge([sample.images for sample in samples])
    two = [sample_top_two(s_agent.chain, num, ClassScore(c), seed + c) for c in range(NUM_CLASSES)]
    yield {"rule": "top two", "calls": count_calls(two)} | judge([each.images for each in two])
    yield from measure_selection(s_agent, num, equal, seed)


def count_calls(samples: list[GuidedSample]) -> float:
    """Return the number of images scored for each image that was made."""
    return sum(sample.calls for sample in samples) / sum(len(sample) for sample in samples)


def measure_selection(s_agent: SAgent, num: int, equal: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each rule that selects among images drawn without guidance.

    Args:
        s_agent: The shipped one of MNIST.
        num: Number of images of each class.
        equal: Number of images among which the best is selected.
        seed: Seed of the draws.
    """
    pool = s_agent.sample(num * equal, seed)
    log_prob = load_shipped("mnist_guide").log_prob(pool)  # (N, 10)
    for each in (10, equal):
        best = [pool[pick_best(log_prob[:, c], each)[:num]] for c in range(NUM_CLASSES)]
        yield {"rule": "best of N", "calls": each} | judge(best)
    found = [accept(log_prob[:, c], SURE, num) for c in range(NUM_CLASSES)]
    calls = float(np.mean([each for _, each in found]))
    yield {"rule": "accepted", "calls": calls} | judge([pool[index] for index, _ in found])
    label = load_shipped("mnist_judge").log_prob(pool[: 20 * num]).argmax(1)
    free = [pool[: 20 * num][label == c][:num] for c in range(NUM_CLASSES)]
    yield {"rule": "unguided, sorted by the judge", "calls": 0} | judge(free)
