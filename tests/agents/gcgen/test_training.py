"""SB3 behaviour while training: callbacks, logger, TensorBoard, progress."""

import csv

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CheckpointCallback,
    EvalCallback,
    StopTrainingOnMaxEpisodes,
)
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import VecMonitor
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents import GCGen
from agents.gcgen import gcgen as module
from agents.gcgen.losses import compute_bound
from agents.gcgen.rollout import Path
from agents.gcgen.training_log import count_live, record_samples
from tests.agents.conftest import make_model, make_vec_env

STEPS = 16 * 8  # of one update


class Witness(BaseCallback):
    """Notes every call; asks to stop after some of them."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.calls = []
        self.dones = 0
        self.stop_after = stop_after

    def _on_training_start(self):
        self.calls.append("start")

    def _on_rollout_start(self):
        self.calls.append("begin")

    def _on_step(self):
        self.calls.append(self.num_timesteps)
        self.dones += self.locals["dones"].sum()
        return self.stop_after is None or self.n_calls < self.stop_after

    def _on_rollout_end(self):
        assert compute_bound(self.locals["path"]).nll.shape == (16,)
        self.calls.append("end")

    def _on_training_end(self):
        self.calls.append("finish")


def test_callbacks_hear_every_vector_step():
    witness = Witness()
    model = make_model()
    model.learn(2 * STEPS, callback=witness)
    steps = [16 * (i + 1) for i in range(16)]
    update = ["begin", *steps[:8], "end"], ["begin", *steps[8:], "end"]
    assert witness.calls == ["start", *update[0], *update[1], "finish"]
    assert witness.dones == 2 * 16
    assert model.num_timesteps == 2 * STEPS and model._n_updates == 2


@pytest.mark.parametrize(("batch_size", "updates"), [(16, 1), (8, 2), (5, 4), (100, 1)])
def test_a_batch_makes_an_update(batch_size, updates):
    model = make_model(updates=1, batch_size=batch_size)
    assert model._n_updates == updates and model.num_timesteps == STEPS


def test_a_callback_stops_training():
    witness = Witness(stop_after=11)
    model = make_model()
    model.learn(100 * STEPS, callback=witness)
    assert model.num_timesteps == 11 * 16
    assert witness.calls[-1] == "finish" and model.progress == pytest.approx(0.01)


def test_sb3_counts_episodes():
    model = make_model()
    model.learn(100 * STEPS, callback=StopTrainingOnMaxEpisodes(max_episodes=3))
    assert model.num_timesteps == 3 * STEPS


def test_checkpoints_can_be_loaded(tmp_path, digits):
    model = make_model()
    model.learn(4 * STEPS, callback=CheckpointCallback(16, str(tmp_path), "gcgen"))
    paths = sorted(tmp_path.iterdir(), key=lambda path: int(path.stem.split("_")[1]))
    assert [path.name for path in paths] == ["gcgen_256_steps.zip", "gcgen_512_steps.zip"]
    last = GCGen.load(paths[-1])
    np.testing.assert_array_equal(last.encode(digits), model.encode(digits))


@pytest.mark.filterwarnings("ignore:Training and eval env are not of the same type")
def test_another_environment_evaluates(tmp_path, s_agent_file):
    env = VecMonitor(make_vec_env(4, proposer=str(s_agent_file), split="validation"))
    callback = EvalCallback(
        env, eval_freq=8, n_eval_episodes=8, best_model_save_path=str(tmp_path), verbose=0
    )
    make_model().learn(3 * STEPS, callback=callback)
    assert callback.last_mean_reward > 0  # potentials rise
    assert GCGen.load(tmp_path / "best_model").num_timesteps in (STEPS, 2 * STEPS, 3 * STEPS)


def test_the_log_tells_the_bound_and_its_parts(tmp_path):
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
    path = Path(action, *[torch.empty(0)] * 5)
    assert count_live(path, num_proposals=6) == 2.5


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_the_progress_bar_reaches_the_end(capsys):
    model = make_model()
    model.learn(2 * STEPS, progress_bar=True)
    captured = capsys.readouterr()
    assert "256/256" in captured.out + captured.err


def test_verbose_prints_a_table(capsys):
    make_model(verbose=1).learn(2 * STEPS, log_interval=1)
    assert "nll" in capsys.readouterr().out


def test_minutes_end_training(monkeypatch):
    now = iter(range(0, 10_000, 6))  # six seconds pass between two looks at the clock
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    model = make_model()
    model.learn(10**9, max_minutes=1)
    assert model._n_updates == 9 and model.progress == 1.0


def test_timesteps_continue_or_start_anew():
    model = make_model(updates=2)
    model.learn(STEPS, reset_num_timesteps=False)
    assert model.num_timesteps == 3 * STEPS
    model.learn(STEPS)
    assert model.num_timesteps == STEPS and model._n_updates == 4


@pytest.mark.parametrize(("interval", "counts"), [(1, [3, 3, 3]), (4, [0, 1, 1]), (9, [0, 0, 1])])
def test_the_gc_agent_learns_at_intervals(monkeypatch, interval, counts):
    """Of the S-agent's updates, counted over rounds of three; the last of each is a remainder."""
    updated = []
    monkeypatch.setattr(GCGen, "_update_gc_agent", lambda self, goals: updated.append(len(goals)))
    model = make_model(n_envs=20, batch_size=8, gc_interval=interval)
    for round_, count in enumerate(counts):
        updated.clear()
        model.train()
        assert model._n_updates == 3 * round_ + 3 and len(updated) == count
        assert updated == [8, 8, 4][:count]


def test_learning_rates_warm_up_and_anneal():
    model = make_model(learning_rate=1e-3, gc_learning_rate=3e-4)
    rates = []
    for updates, progress in ((0, 0.0), (49, 0.0), (99, 0.0), (500, 0.5), (1000, 1.0)):
        model._n_updates = updates
        model._set_progress(progress)
        rates.append([o.param_groups[0]["lr"] for o in (model.optimizer, model.policy.optimizer)])
    expected = np.outer([0.01, 0.5, 1, 0.5, 0], [1e-3, 3e-4])
    np.testing.assert_allclose(rates, expected, atol=1e-12)


def test_a_frozen_s_agent_trains_on_the_pruned_prior():
    model = make_model(env_kwargs={"nucleus": 0.3}, train_s_agent=False, n_envs=64)
    path = model.train()
    with torch.no_grad():
        canvas, step = model.chain.dynamics.start(1), torch.zeros(1, dtype=torch.long)
        mask = model.chain.prior(canvas, step).isfinite()
    assert not mask.all()
    assert mask[0][path.action[:, 0]].all()


@pytest.mark.parametrize("agent", ["S-agent", "GC-agent"])
def test_divergence_is_named_before_the_weights_are_harmed(agent):
    model = make_model()
    harmed, watched = model.policy.value_net.bias, model.policy.scorer
    if agent == "S-agent":
        harmed, watched = model.s_agent.network.head.bias, model.s_agent.network.trunk
    before = {k: v.clone() for k, v in watched.state_dict().items()}
    with torch.no_grad():
        harmed.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"training (has )?diverged"):
        model.train()
    assert all(torch.equal(v, before[k]) for k, v in watched.state_dict().items())


def test_an_environment_set_later_is_seeded():
    def run():
        model = make_model()
        model.set_env("GCGen-Digits-v0")
        model.learn(2 * STEPS)
        return model.s_agent.network.head.bias

    assert torch.equal(run(), run())
