"""The state of one episode as a frame that the viewer can draw."""

from __future__ import annotations

import numpy as np
import torch

from gcgen_env.episodes import Episodes
from gcgen_env.proposal_cache import draw_next
from gcgen_env.viewer import Frame


@torch.no_grad()
def make_frame(episodes: Episodes, index: int, chosen: int | None) -> Frame:
    """Return the last decision of an episode, or the next one.

    Args:
        episodes: The episodes.
        index: Index of the episode.
        chosen: The action of the last decision; None shows the proposals of the next one.
    """
    at, chain, config = np.array([index]), episodes.chain, episodes.config  # at: a batch of one
    if episodes.step_index[index] == 0:
        chosen = None  # the last action belongs to the episode before
    canvas, step = episodes.canvas[at], episodes.step_index[at]  # (1, *S), (1,)
    image = episodes.image[at]
    if chosen is not None:
        canvas, step = episodes.previous_canvas[at], step - 1
        image = episodes.previous_image[at]
    if step[0] < config.horizon:  # at h = H there are no next states
        h = torch.from_numpy(step).to(episodes.device)
        shown = chain.propose(canvas, h)  # again, as the cache holds the proposals of the new state
        proposals = draw_next(chain, chain.next_images(shown, h)[1], image)[0]  # (A, *S)
        prior = shown.log_prior[0].cpu().numpy()  # (A,)
    else:
        proposals = np.repeat(image, config.num_proposals, axis=0)  # (A, *S)
        prior = episodes.cache.log_prior[index]
    return Frame(
        state=episodes.image[index],
        goal=episodes.goal[index],
        proposals=proposals,
        action_mask=prior > -np.inf,
        log_prior=prior,
        chosen=chosen,
        step=int(episodes.step_index[index]),
        horizon=config.horizon,
        distance=float(episodes.distance[index]),
        low=chain.likelihood.low,
        high=chain.likelihood.high,
    )
