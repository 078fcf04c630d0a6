"""The task that is timed: MNIST's shapes and the shipped S-agent, without the data set."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from agents import SAgent
from gcgen_env import GCGenVectorEnv
from gcgen_env.model.saved import pretrained_path

ENV_ID = "GCGen-MNIST-v0"


def write_images(num: int = 2048) -> Path:
    """Write images drawn by the shipped S-agent into a temporary `.npy` file."""
    agent = SAgent.load(pretrained_path("mnist"))
    path = Path(tempfile.mkdtemp(prefix="gcgen-bench-")) / "images.npy"
    np.save(path, agent.sample(num, seed=0)[:, 0])
    return path


def make_kwargs(images: Path, obs_mode: str = "pixels") -> dict[str, Any]:
    """Return the keywords that `gym.make` and `gym.make_vec` take, all of them JSON values."""
    proposer = str(pretrained_path("mnist"))
    return {"dataset": str(images), "proposer": proposer, "obs_mode": obs_mode}


def make_vector_env(num_envs: int, kwargs: dict[str, Any]) -> GCGenVectorEnv:
    """Make a vector environment in the mode that SB3 and most training loops use."""
    envs = gym.make_vec(ENV_ID, num_envs=num_envs, autoreset_mode="SameStep", **kwargs)
    assert isinstance(envs, GCGenVectorEnv)
    return envs


def set_threads(threads: int) -> None:
    """Let torch use at most `threads` threads."""
    torch.set_num_threads(min(threads, torch.get_num_threads()))
