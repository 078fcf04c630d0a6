"""What training writes to SB3's logger and to TensorBoard."""

import csv

import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import configure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.gcgen.rollout import Trajectories
from agents.gcgen.training_log import count_live, record_samples, record_update
from tests.agents.conftest import make_model
from tests.agents.toys import TYPED_PATHS

STEPS = 16 * 8
"""Timesteps of one update of the small model."""


def test_the_log_contains_the_bound_and_its_parts(tmp_path):
    model = make_model()
    model.set_logger(configure(str(tmp_path), ["csv"]))
    model.learn(6 * STEPS, log_interval=2)
    with open(tmp_path / "progress.csv", encoding="utf-8") as file:
        rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
    assert [row["time/total_timesteps"] for row in rows] == [2 * STEPS, 4 * STEPS, 6 * STEPS]
    assert [row["train/n_updates"] for row in rows] == [2, 4, 6]
    for row in rows:
        assert row["train/nll"] == pytest.approx(
            row["train/reconstruction"] + row["train/divergence"]
        )
        per_step = [row[f"divergence/step_{h}"] for h in range(8)]
        assert sum(per_step) == pytest.approx(row["train/divergence"], abs=1e-4)
        assert 1 <= row["train/live_proposals"] <= 16
        assert np.isfinite(row["rollout/ep_rew_mean"]) and row["train/learning_rate"] > 0


def test_the_log_of_numbers_typed_by_hand():
    logger = configure(None, [])
    record_update(logger, TYPED_PATHS, num_proposals=3)
    found = logger.name_to_value
    assert found["train/nll"] == 6.5 and found["train/reconstruction"] == 5.0
    assert found["train/divergence"] == 1.5
    assert (found["divergence/step_0"], found["divergence/step_1"]) == (1.0, 0.5)
    assert found["rollout/ep_rew_mean"] == (5 + 2) / 2
    assert found["train/live_proposals"] == 1.0


@pytest.mark.parametrize("log_interval", [None, 100])
def test_the_log_may_stay_empty(tmp_path, log_interval):
    model = make_model()
    model.set_logger(configure(str(tmp_path), ["csv"]))
    model.learn(2 * STEPS, log_interval=log_interval)
    model.logger.close()
    assert (tmp_path / "progress.csv").read_text() == ""


def test_tensorboard_shows_curves_and_samples(tmp_path, monkeypatch):
    monkeypatch.setattr("agents.gcgen.training_log.SAMPLE_INTERVAL", 2)
    make_model(tensorboard_log=str(tmp_path)).learn(2 * STEPS, log_interval=1, tb_log_name="run")
    (folder,) = tmp_path.iterdir()
    events = EventAccumulator(str(folder)).Reload().Tags()
    assert folder.name == "run_1"
    assert {"train/nll", "divergence/step_7", "train/live_proposals"} <= set(events["scalars"])
    assert events["images"] == ["samples"]


def test_points_have_a_sample_picture_too(tmp_path):
    model = make_model(env="GCGen-Toy2D-v0")
    model.set_logger(configure(str(tmp_path), ["tensorboard"]))
    record_samples(model.logger, model.s_agent)
    image = model.logger.name_to_value["samples"].image
    assert image.ndim == 3 and image.dtype == np.uint8


def test_live_proposals_are_counted_step_by_step():
    action = torch.tensor([[0, 1], [0, 2], [0, 3], [5, 3]])  # 2 live at step 0, 3 at step 1
    path = Trajectories(action, *[torch.empty(0)] * 5)
    assert count_live(path, num_proposals=6) == 2.5


def test_verbose_prints_a_table(capsys):
    make_model(verbose=1).learn(2 * STEPS, log_interval=1)
    assert "nll" in capsys.readouterr().out
