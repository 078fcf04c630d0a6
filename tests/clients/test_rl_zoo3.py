"""RL Baselines3 Zoo: its training command with the hyperparameters of `agents.zoo`."""

import subprocess
import sys

import pytest
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO

from agents import MaskableGCPolicy

pytest.importorskip("rl_zoo3", exc_type=ImportError)

COMMON = ["--env", "GCGen-Digits-v0", "--gym-packages", "gcgen_env", "-n", "1500", "--seed", "0"]
COMMON += ["--eval-freq", "-1"]


def train(folder, module, *arguments):
    """Train, and return the saved model."""
    command = [sys.executable, "-m", module, *arguments, *COMMON, "-f", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*/GCGen-Digits-v0_1/GCGen-Digits-v0.zip"))


def test_ppo(tmp_path):
    saved = train(tmp_path, "rl_zoo3.train", "--algo", "ppo", "-conf", "agents.zoo.ppo")
    assert PPO.load(saved).num_timesteps >= 1500


def test_ppo_mask(tmp_path):
    saved = train(
        tmp_path, "agents.zoo.ppo_mask", "--algo", "ppo_mask", "-conf", "agents.zoo.ppo_mask"
    )
    assert isinstance(MaskablePPO.load(saved).policy, MaskableGCPolicy)
