"""What a picture of one episode shows: the state of a core as a viewer's frame."""

from __future__ import annotations

import numpy as np
import torch

from gcgen_env.episodes import Core
from gcgen_env.rewards import compute_distance
from gcgen_env.viewer import Frame


@torch.no_grad()
def make_frame(core: Core, row: int, chosen: int | None) -> Frame:
    """Return the last decision of one row, or the one to be made next.

    Args:
        core: The episodes.
        row: Which of them.
        chosen: The action of the last decision; None shows the proposals of the next one.
    """
    at = np.array([row])
    if core.step_index[row] == 0:
        chosen = None
    canvas, step = core.canvas[at], core.step_index[at]
    if chosen is not None:
        canvas, step = core.previous_canvas[at], step - 1
    if step[0] < core.config.horizon:
        steps = torch.from_numpy(step).to(core.device)
        delta, log_prior = core.chain.propose(canvas, steps)
        reached = core.chain.dynamics.advance(canvas[:, None], delta, steps)
        proposals = core.chain.likelihood.mean(reached)[0].cpu().numpy()
        prior = log_prior[0].cpu().numpy()
        valid = prior > -np.inf
    else:
        proposals = np.repeat(core.image[at], core.config.num_proposals, axis=0)
        prior, valid = core.offers.log_prior[row], core.offers.mask[row]
    return Frame(
        state=core.image[row],
        goal=core.goal[row],
        proposals=proposals,
        action_mask=valid,
        log_prior=prior,
        chosen=chosen,
        step=int(core.step_index[row]),
        horizon=core.config.horizon,
        distance=float(compute_distance(core.image[at], core.goal[at])[0]),
        low=core.chain.likelihood.low,
        high=core.chain.likelihood.high,
    )
