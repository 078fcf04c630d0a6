"""Measures how well hidden pixels are filled in, against simpler ways to fill them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.guidance.black_box import BlackBox
from agents.guidance.guided_sample import rank_typical
from agents.guidance.sampling import BATCH_SIZE, sample_guided
from agents.guidance.scorers import VisiblePixels
from benchmarks.guidance.rules import pick_best
from gcgen_env.datasets import load_dataset
from gcgen_env.model.s_agent import SAgent

Images = NDArray[np.float32]
Bools = NDArray[np.bool_]
ANSWERS = 5
PARTICLES = (1, 8)
SIDE = 28
NAMES = ("calls", "error", "error_of_mean", "spread", "worse_by", "worse_by_se")
"""Figures of each row; `worse_by` compares with typical answers of most particles."""
CANDIDATES = 20
"""Answers of which the typical ones are chosen."""
MOST_CALLS = 20_000  # for one answer


def make_masks() -> dict[int, Bools]:
    """Return masks (28, 28) by the percentage that they hide: below, or all but a quarter."""
    row, column = np.indices((SIDE, SIDE))
    return {25: row >= 21, 50: row >= 14, 75: (row >= 14) | (column >= 14)}


def measure_error(answers: Images, goal: Images, hidden: Bools) -> tuple[float, float]:
    """Return the mean squared error of hidden pixels: of one answer, and of the answers' mean."""
    single = np.square(answers - goal)[..., hidden].mean()
    return float(single), float(np.square(answers.mean(0) - goal)[..., hidden].mean())


def measure_spread(answers: Images, hidden: Bools) -> float:
    """Return the mean squared difference of two answers at the hidden pixels."""
    variance = answers.var(axis=0, ddof=1)[..., hidden]
    return float(2 * variance.mean())


def find_nearest(train: Images, goal: Images, hidden: Bools) -> Images:
    """Return the training images that are nearest at the visible pixels, shape (5, *S)."""
    seen = train[..., ~hidden].reshape(len(train), -1) - goal[..., ~hidden].ravel()
    return train[np.argsort(np.square(seen).sum(1))[:ANSWERS]]


def measure_hidden(s_agent: SAgent, num: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row of results for each mask and rule.

    Args:
        s_agent: The shipped one of MNIST.
        num: Number of test images.
        seed: Seed of all draws.
    """
    data = load_dataset("mnist", "train")
    train, goals = data.take(np.arange(20_000)), load_dataset("mnist", "test").take(range(num))
    pool = s_agent.sample(ANSWERS * MOST_CALLS, seed)
    for percent, hidden in make_masks().items():
        results: dict[tuple[str, int], list[Any]] = {}
        for number, goal in enumerate(goals):
            for key, calls, answers in fill(s_agent, train, pool, goal, hidden, seed + number):
                figures = *measure_error(answers, goal, hidden), measure_spread(answers, hidden)
                results.setdefault(key, []).append([calls, *figures])
        ours = np.array(results["guided, typical", PARTICLES[-1]])  # (num, 4)
        for (rule, particles), rows in results.items():
            worse = np.array(rows)[:, 1] - ours[:, 1]
            means = np.mean(rows, axis=0).tolist()
            error_bar = float(worse.std(ddof=1) / np.sqrt(num))
            row = {"hidden": percent, "rule": rule, "particles": particles or ""}
            yield row | dict(zip(NAMES, [*means, float(worse.mean()), error_bar], strict=True))


def fill(
    s_agent: SAgent, train: Images, pool: Images, goal: Images, hidden: Bools, seed: int
) -> Iterator[tuple[tuple[str, int], float, Images]]:
    """Yield each rule with its calls for one answer, and its five answers."""
    yield ("mean image", 0), 0, train.mean(0)[None].repeat(ANSWERS, axis=0)
    yield ("nearest image", 0), 0, find_nearest(train, goal, hidden)
    guidance = VisiblePixels(goal, hidden, s_agent.likelihood)
    scores = BlackBox(guidance, BATCH_SIZE, len(pool)).score(pool)
    for particles in PARTICLES:
        sample = sample_guided(s_agent.chain, CANDIDATES, guidance, 1.0, particles, seed)
        calls = round(sample.calls / CANDIDATES)
        yield ("guided", particles), calls, sample.images[:ANSWERS]
        best = pool[pick_best(scores, calls)[:CANDIDATES]]
        yield ("best of N", particles), calls, best[:ANSWERS]
        calls = round(sample.calls / ANSWERS)
        yield ("guided, typical", particles), calls, sample.typical(ANSWERS).images
        found = pick_best(scores, calls)[:ANSWERS]
        yield ("best of N, for typical", particles), calls, pool[found]
        yield ("best of N, typical", particles), calls, best[rank_typical(best)[:ANSWERS]]
