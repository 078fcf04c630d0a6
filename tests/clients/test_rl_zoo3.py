"""RL Baselines3 Zoo: its own command, with the hyperparameters shipped."""

import subprocess
import sys

import pytest

pytest.importorskip("rl_zoo3", exc_type=ImportError)

COMMON = ["--env", "GCGen-Digits-v0", "--gym-packages", "gcgen_env", "-n", "1500", "--seed", "0"]


def run(tmp_path, module, *arguments):
    command = [sys.executable, "-m", module, *arguments, *COMMON, "-f", str(tmp_path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def test_ppo(tmp_path):
    done = run(
        tmp_path, "rl_zoo3.train", "--algo", "ppo", "-conf", "agents.zoo.ppo", "--eval-freq", "-1"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ppo" / "GCGen-Digits-v0_1" / "GCGen-Digits-v0.zip").is_file()


def test_ppo_mask(tmp_path):
    done = run(
        tmp_path,
        "agents.zoo.ppo_mask",
        "--algo", "ppo_mask", "-conf", "agents.zoo.ppo_mask", "--eval-freq", "-1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    saved = tmp_path / "ppo_mask" / "GCGen-Digits-v0_1" / "GCGen-Digits-v0.zip"
    from sb3_contrib import MaskablePPO

    assert type(MaskablePPO.load(saved).policy).__name__ == "MaskableGCPolicy"
