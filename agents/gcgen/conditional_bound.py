"""The bound of images whose classes are known: on -log p_S(g | class)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from agents.gcgen.bound import sample_bounds
from agents.gcgen.labels import group_labels
from agents.gcgen.nll_report import ImageBounds, NLLReport
from agents.gcgen.rollout import GCAgent
from gcgen_env.model.chain import Chain
from gcgen_env.model.coordinates import RolloutSpace
from gcgen_env.model.turns import Turns, alone


def evaluate_given(
    find_space: Callable[[Chain], RolloutSpace],
    make_agent: Callable[[Chain, Tensor], GCAgent],
    chain: Chain,
    goals: Tensor,
    label: Any,
    num_paths: int,
    seed: int | None,
    turns: Turns = alone,
) -> NLLReport:
    """Evaluate the bound of each class by itself, because a search needs one class for all images.

    Args:
        find_space: Returns where the trajectories of a chain are computed.
        make_agent: Makes the GC-agent of one roll-out on a chain, given its goals.
        chain: The conditional S-agent's chain.
        goals: Images g, shape (N, *S).
        label: Their classes, shape (N,), or one for all.
        num_paths: M.
        seed: Seed of the paths; class c draws from `seed` + c.
        turns: Who computes which batch.

    Raises:
        ValueError: If the labels do not fit.
    """
    parts, indices = [], []
    for each, index in group_labels(label, len(goals)):
        space = find_space(chain.given(each))

        def make(batch: Tensor, space: RolloutSpace = space) -> GCAgent:
            return make_agent(space.chain, batch)

        indices.append(torch.from_numpy(index).to(goals.device))
        own_seed = None if seed is None else seed + each
        own = goals[indices[-1]]
        parts.append(sample_bounds(space, make, own, num_paths, own_seed, turns))
    order = torch.cat(indices).argsort()
    bounds = ImageBounds(*(torch.cat(each)[order] for each in zip(*parts, strict=True)))
    report = NLLReport.of(bounds, num_paths, math.prod(chain.shape))
    return replace(report, given_class=True)
