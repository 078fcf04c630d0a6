"""What `GCGen` writes to SB3's logger, TensorBoard included."""

from __future__ import annotations

import time

import torch
from stable_baselines3.common.logger import Image, Logger, TensorBoardOutputFormat

from agents.gcgen.losses import Bound
from agents.gcgen.rollout import Path
from gcgen_env.model.s_agent import SAgent
from gcgen_env.viewer import image_grid

SAMPLE_INTERVAL = 200
"""Updates between two sample grids."""


def record_time(logger: Logger, start_time: float, timesteps: int, first: int) -> None:
    """Record timesteps and the time they took.

    Args:
        logger: SB3's logger.
        start_time: When `learn` began, in ns.
        timesteps: In all.
        first: When `learn` began.
    """
    elapsed = max((time.time_ns() - start_time) / 1e9, 1e-9)
    logger.record("time/fps", int((timesteps - first) / elapsed))
    logger.record("time/time_elapsed", int(elapsed))
    logger.record("time/total_timesteps", timesteps)


def record_update(logger: Logger, bound: Bound, path: Path, num_proposals: int) -> None:
    """Record the bound on the last batch of goals, its parts, and how many proposals live.

    Args:
        logger: SB3's logger.
        bound: Of the last batch.
        path: The last batch.
        num_proposals: A.
    """
    with torch.no_grad():
        divergence = bound.divergence.mean(0)
        logger.record("train/nll", bound.nll.mean().item())
        logger.record("train/reconstruction", bound.reconstruction.mean().item())
        logger.record("train/divergence", divergence.sum().item())
        for h, value in enumerate(divergence.tolist()):
            logger.record(f"divergence/step_{h}", value, exclude=("stdout", "log"))
        gained = path.potential[:, -1] - path.potential[:, 0]
        logger.record("rollout/ep_rew_mean", gained.mean().item())
        logger.record("train/live_proposals", count_live(path, num_proposals))


def count_live(path: Path, num_proposals: int) -> float:
    """Return the number of proposals chosen at least once, averaged over the steps."""
    used = torch.zeros(num_proposals, path.action.shape[1])
    used.scatter_(0, path.action.cpu(), 1.0)
    return used.sum(0).mean().item()


def record_samples(logger: Logger, s_agent: SAgent) -> None:
    """Record a grid of samples as an image, if TensorBoard listens."""
    listens = any(isinstance(f, TensorBoardOutputFormat) for f in logger.output_formats)
    if listens:
        low, high = s_agent.likelihood.low, s_agent.likelihood.high
        grid = image_grid(s_agent.sample(64, seed=0), low=low, high=high)
        logger.record("samples", Image(grid, "HWC"), exclude=("stdout", "log", "json", "csv"))
