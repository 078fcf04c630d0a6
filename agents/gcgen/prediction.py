"""Selecting by search in an environment: from what it shows back to canvases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.rollout import Decision, decide
from agents.gcgen.search import STEPS, SoftSearch, beam_search, check_search
from gcgen_env.model.chain import Chain
from gcgen_env.model.sampling import choose_best, make_sampler

_TOLERANCE = 1e-2
"""How far shown proposals may be from the S-agent's own, in image units."""


@torch.no_grad()
def predict_by_search(
    agent: GCAgent,
    observation: Mapping[str, Any],
    search: str,
    width: int,
    deterministic: bool,
) -> NDArray[np.int64]:
    """Select proposals by looking further ahead than an observation shows.

    Args:
        agent: The GC-agent; its chain must be that of the environment.
        observation: Of an environment in pixels mode, single or batched.
        search: "two_step", "three_step" or "beam".
        width: Of the search.
        deterministic: Take the most probable proposal; a beam search always does.

    Returns:
        Actions, shape () or (B,), int64; 0 where the episode is over.

    Raises:
        ValueError: If the search does not exist, or the proposals shown are not those that the
            model's S-agent would make.
    """
    check_search(search, width)
    chain, single = agent.chain, np.ndim(observation["step"]) == 1
    rows = {key: np.asarray(value)[None] if single else value for key, value in observation.items()}
    device = chain.dynamics.initial.device
    image, goal, shown, mask, progress = (
        torch.as_tensor(rows[key], device=device)
        for key in ("observation", "desired_goal", "proposals", "action_mask", "step")
    )
    step = (progress.squeeze(1) * chain.horizon).round().long()
    action = torch.zeros_like(step)
    for h in step.unique().tolist():
        here = step == h
        if h < chain.horizon:
            canvas = chain.likelihood.to_canvas(image[here])
            decision = decide(
                chain, chain.offer(canvas, step[here]), canvas, goal[here], step[here]
            )
            _check_shown(chain, decision, shown[here], mask[here] > 0)
            action[here] = _select(agent, decision, search, width, deterministic)
    return np.asarray(action.cpu().numpy()[0] if single else action.cpu().numpy())


def _check_shown(chain: Chain, decision: Decision, shown: Tensor, mask: Tensor) -> None:
    """Raise unless the proposals of a decision, and which are valid, are those shown."""
    far = (chain.compress(shown) - decision.proposals).abs().max() > _TOLERANCE
    if far or not torch.equal(decision.log_prior.isfinite(), mask):
        raise ValueError(
            "a search continues from the state that an observation shows, but the proposals shown "
            "are not those of the model's S-agent there: make the environment with "
            "proposer=<the saved S-agent> and the model's nucleus; a canvas beyond the bounds of "
            "its images cannot be read off them, encode() can"
        )


def _select(
    agent: GCAgent, decision: Decision, search: str, width: int, deterministic: bool
) -> Tensor:
    """Return the actions (B,) of states at one step."""
    if search == "beam":
        first = int(decision.step[0])
        return beam_search(agent.chain, decision.goal, width, decision.canvas, first)[:, 0]
    choose = choose_best if deterministic else make_sampler(torch.default_generator)
    return choose(SoftSearch(agent, width, STEPS[search])(decision))
