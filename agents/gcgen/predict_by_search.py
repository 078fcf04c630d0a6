"""`predict` with a search: rebuilds the canvases from an observation, then searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.common.decision import INVALID_LOGIT, Decision, State, decide
from agents.common.selection import Selection
from agents.gcgen.search import SoftSearch, beam_search
from agents.gcgen.search_names import STEPS, check_search
from gcgen_env.model.chain import Chain
from gcgen_env.model.sampling import choose_best, make_sampler

_TOLERANCE = 1e-2
"""Largest difference of observed proposals from the S-agent's own, in image units."""


@torch.no_grad()
def predict_by_search(
    agent: Selection,
    chain: Chain,
    observation: Mapping[str, Any],
    search: str,
    width: int,
    deterministic: bool,
    allowed: Any,
) -> NDArray[np.int64]:
    """Select proposals by enumerating what follows them.

    Args:
        agent: The GC-agent.
        chain: Must be the chain of the environment.
        observation: Of an environment in pixels mode, single or batched.
        search: "two_step", "three_step" or "beam".
        width: Width of the search.
        deterministic: Take the most probable proposal; a beam search always does.
        allowed: The mask of the observation, or fewer actions, shape (A,) or (B, A).

    Returns:
        Actions, shape () or (B,), int64; 0 where the episode is over.

    Raises:
        ValueError: If the search does not exist, or the observed proposals are not those of the
            model's S-agent, or a beam search is to leave out valid actions.
    """
    check_search(search, width)
    if search == "beam" and (np.asarray(allowed) != observation["action_mask"]).any():
        raise ValueError("a beam search has no further action_masks: use search='three_step'")
    single = np.ndim(observation["step"]) == 1  # (1,), or (B, 1) in a batch
    batch = {k: np.asarray(v)[None] if single else v for k, v in observation.items()}
    image, goal, shown, mask, progress = (
        torch.as_tensor(batch[key], device=chain.device)
        for key in ("observation", "desired_goal", "proposals", "action_mask", "step")
    )
    step = (progress.squeeze(1) * chain.horizon).round().long()  # (B,), float32 h / H to h
    only = torch.as_tensor(allowed, device=chain.device).reshape(mask.shape) > 0  # (B, A)
    action = torch.zeros_like(step)  # (B,)
    for h in step.unique().tolist():  # a beam search starts all its paths at one step
        here = step == h  # (B,), bool
        if h < chain.horizon:
            used = mask[here] == 0 if chain.single_use else None
            canvas = chain.likelihood.to_canvas(image[here])
            state = State(canvas, goal[here], step[here], used)
            decision = decide(chain, chain.propose(canvas, state.step, used=used), state)
            _check_shown(chain, decision, shown[here], mask[here] > 0)
            if search == "beam":
                codes = beam_search(chain, state.goal, width, canvas, h, used=used)
                action[here] = codes[:, 0]  # the next choice; the rest is searched again later
            else:
                choose = choose_best if deterministic else make_sampler(torch.default_generator)
                soft_search = SoftSearch(agent, chain, width, STEPS[search])
                log_q = soft_search(state, decision).masked_fill(~only[here], INVALID_LOGIT)
                action[here] = choose(log_q.log_softmax(-1))  # normalised over what is allowed
    return np.asarray(action.cpu().numpy()[0] if single else action.cpu().numpy())


def _check_shown(chain: Chain, decision: Decision, shown: Tensor, mask: Tensor) -> None:
    """Raise unless the observed proposals, and which are valid, are those of the decision."""
    far = (chain.compress(shown) - decision.proposals).abs().max() > _TOLERANCE
    if far or not torch.equal(decision.log_prior.isfinite(), mask):
        raise ValueError(
            "a search starts from the state that an observation shows, but the proposals shown "
            "are not those of the model's S-agent in this state: make the environment with "
            "proposer=<the saved S-agent> and the model's nucleus. A canvas outside the bounds of "
            "its image cannot be read from the observation; use encode() there"
        )
