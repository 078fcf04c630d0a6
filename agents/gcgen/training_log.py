"""What `GCGen` writes to SB3's logger, TensorBoard included."""

from __future__ import annotations

import time
from typing import Any

import torch
from stable_baselines3.common.logger import Image, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from agents.distributed.ranks import Alone
from agents.gcgen.bound import compute_bound
from agents.gcgen.rollout import Trajectories
from agents.tracking.output import TrackerOutput
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.sampling import Share
from gcgen_env.viewer import image_grid

SAMPLE_INTERVAL = 200
"""Updates between two sample grids."""


def record_round(model: Any, trajectories: Trajectories | None) -> None:
    """Write one row of the log of a `GCGen` model, given its last trajectories, if any.

    All processes that train the model call it; the first one writes.

    Raises:
        OSError: If the disk is full; the row is lost, and the next one can be written.
    """
    if trajectories is not None:
        trajectories = gather(model.ranks, trajectories, model._share)
    if not model.ranks.is_first:
        return
    logger, timesteps = model.logger, model.num_timesteps
    elapsed = max((time.time_ns() - model.start_time) / 1e9, 1e-9)  # seconds; never 0
    logger.record("time/fps", int((timesteps - model._num_timesteps_at_start) / elapsed))
    logger.record("time/time_elapsed", int(elapsed))
    logger.record("time/total_timesteps", timesteps)
    logger.record("train/n_updates", model._n_updates, exclude="tensorboard")  # as SB3 does
    logger.record("train/learning_rate", model.optimizer.param_groups[0]["lr"])
    if trajectories is not None:
        record_update(logger, trajectories, int(model.action_space.n))
    if model._n_updates // SAMPLE_INTERVAL > model._last_grid // SAMPLE_INTERVAL:
        model._last_grid = model._n_updates
        record_samples(logger, model.s_agent)
    write_row(logger, timesteps)


@torch.no_grad()
def gather(ranks: Alone, trajectories: Trajectories, share: Share) -> Trajectories:
    """Return what the log needs of the trajectories of all processes, without states and q."""
    if len(trajectories.action) == share.num:
        return trajectories
    parts = [trajectories.action, *trajectories[1:3], trajectories.potential]
    horizon = trajectories.action.shape[1]
    row = torch.cat([part.float() for part in parts], 1)  # (b, 4 H + 1), small integers are exact
    action, log_q, log_prior, potential = ranks.gather(row, share).split(
        [*[horizon] * 3, horizon + 1], 1
    )
    nothing = row.new_empty(0)
    return Trajectories(action.long(), log_q, log_prior, nothing, potential, nothing)


@torch.no_grad()
def record_update(logger: Logger, trajectories: Trajectories, num_proposals: int) -> None:
    """Record the bound on a batch of goals, its parts, and how many proposals are in use.

    Args:
        logger: SB3's logger.
        trajectories: The last batch.
        num_proposals: A.
    """
    bound = compute_bound(trajectories)
    divergence = bound.divergence.mean(0)  # (H,), in nats
    logger.record("train/nll", bound.nll.mean().item())  # -ELBO of these goals
    logger.record("train/reconstruction", bound.reconstruction.mean().item())
    logger.record("train/divergence", divergence.sum().item())
    for h, value in enumerate(divergence.tolist()):
        logger.record(f"divergence/step_{h}", value, exclude=("stdout", "log"))
    gained = trajectories.potential[:, -1] - trajectories.potential[:, 0]  # (B,)
    logger.record("rollout/ep_rew_mean", gained.mean().item())  # SB3's name of the return
    logger.record("train/live_proposals", count_live(trajectories, num_proposals))


def count_live(trajectories: Trajectories, num_proposals: int) -> float:
    """Return the number of proposals chosen at least once, averaged over the steps."""
    used = torch.zeros(num_proposals, trajectories.action.shape[1])  # (A, H)
    used.scatter_(0, trajectories.action.cpu(), 1.0)  # 1 where a proposal was chosen
    return used.sum(0).mean().item()


def record_samples(logger: Logger, s_agent: SAgent) -> None:
    """Record a grid of samples as an image, if TensorBoard or a tracker shows it."""
    shown = TensorBoardOutputFormat | TrackerOutput
    if any(isinstance(output, shown) for output in logger.output_formats):
        low, high = s_agent.likelihood.low, s_agent.likelihood.high
        grid = image_grid(s_agent.sample(64, seed=0), low=low, high=high)  # one seed: comparable
        logger.record("samples", Image(grid, "HWC"), exclude=("stdout", "log", "json", "csv"))


def write_row(logger: Logger, timesteps: int) -> None:
    """Write the recorded values; after a failure, get ready for the next row.

    Raises:
        OSError: If the disk is full.
    """
    try:
        logger.dump(timesteps)
    except OSError:
        for values in (logger.name_to_value, logger.name_to_count, logger.name_to_excluded):
            values.clear()
        for output in logger.output_formats:
            if isinstance(output, TensorBoardOutputFormat):
                output.writer = SummaryWriter(output.writer.log_dir)  # the old one never recovers
        raise
