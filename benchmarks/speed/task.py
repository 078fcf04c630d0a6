"""The task that is timed: MNIST's shapes and the shipped S-agent, without the data set."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents import GCGen, SAgent
from gcgen_env import GCGenVectorEnv, keep_freed_memory
from gcgen_env.model.pretrained import pretrained_path

ENV_ID = "GCGen-MNIST-v0"
S_AGENT = pretrained_path("mnist")


def prepare_process(threads: int) -> None:
    """Use at most `threads` torch threads, and keep freed memory as docs/performance.md advises."""
    torch.set_num_threads(min(threads, torch.get_num_threads()))
    keep_freed_memory()


def write_images(num: int = 2048) -> Path:
    """Write images sampled from the shipped S-agent to a temporary `.npy` file."""
    return save_images(SAgent.load(S_AGENT).sample(num, seed=0)[:, 0])


def save_images(images: NDArray[np.float32]) -> Path:
    """Write images (N, height, width) to a temporary `.npy` file."""
    path = Path(tempfile.mkdtemp(prefix="gcgen-bench-")) / "images.npy"
    np.save(path, images)
    return path


def make_kwargs(images: Path | str, obs_mode: str = "pixels") -> dict[str, Any]:
    """Return keywords for `gym.make` and `gym.make_vec`, all of them JSON values."""
    return {"dataset": str(images), "proposer": str(S_AGENT), "obs_mode": obs_mode}


def make_vector_env(env_id: str, num_envs: int, **kwargs: Any) -> GCGenVectorEnv:
    """Make a vector environment in the autoreset mode that Stable-Baselines3 expects."""
    envs = gym.make_vec(env_id, num_envs=num_envs, autoreset_mode="SameStep", **kwargs)
    assert isinstance(envs, GCGenVectorEnv)
    return envs


def get_s_agent_update(model: GCGen) -> tuple[Tensor, Callable[[Tensor], Any]]:
    """Return goals (n_envs, *S), and the function that updates the S-agent on such a batch."""
    assert model.env is not None
    return torch.from_numpy(model.env.make_goals(model.env.sample_images())), model.update_s_agent
