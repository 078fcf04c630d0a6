"""The page of logged figures lists what training logs, no more and no less."""

import re

import numpy as np
import pytest
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import MaskableDQN, ValidationWatch
from gcgen_env import GCGenEnv
from tests.agents.conftest import make_model
from tests.house import ROOT

PAGE = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
LISTED = set(re.findall(r"^\| `([\w/]+)` \|", PAGE, re.MULTILINE))


class Names(KVWriter):
    """Keeps the names of everything that is logged, for whatever output."""

    def __init__(self):
        self.names = set()

    def write(self, key_values, key_excluded, step=0):
        self.names |= {re.sub(r"^divergence/step_\d+$", "divergence/step_h", k) for k in key_values}

    def close(self):
        pass


def test_training_logs_what_the_page_lists(tmp_path):
    names = Names()
    model = make_model(tensorboard_log=str(tmp_path))
    model.learn(16 * 8)  # gives the model TensorBoard's writer, without which no samples are drawn
    outputs = model.logger.output_formats
    model.set_logger(Logger(None, [names, *outputs]))
    images = model.load_split("validation").take(np.arange(8))
    watch = ValidationWatch(lambda _: None)
    model._last_grid = -1
    model.learn(4 * 16 * 8, watch, log_interval=1, reset_num_timesteps=False)
    assert len(images) == 8
    assert names.names == LISTED - {"test/bound"}  # of `gcgen train`, in trackers


@pytest.mark.parametrize("name", ["train/loss", "rollout/exploration_rate", "rollout/ep_len_mean"])
def test_value_based_algorithms_log_what_the_page_says(name):
    assert f"`{name}`" in PAGE
    names = Names()
    env = DummyVecEnv([lambda: GCGenEnv(dataset="digits", num_proposals=4, horizon=2)])
    options = {"buffer_size": 64, "learning_starts": 4, "gamma": 1.0, "seed": 0}
    model = MaskableDQN("MultiInputPolicy", env, **options)
    model.set_logger(Logger(None, [names]))
    model.learn(24, log_interval=1)
    if name.startswith("train"):
        assert name in names.names
