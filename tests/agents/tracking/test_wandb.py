"""`WandbTracker` without a network: what is in the files of its runs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import PPO

from agents.cli.main import main
from agents.cli.run_folder import RunFolder
from agents.tracking import WandbTracker
from tests.agents.cli.conftest import TINY, train
from tests.agents.tracking.offline_runs import read_run

pytestmark = pytest.mark.extra
wandb = pytest.importorskip("wandb")
PICTURES = {"samples", "trajectory", "reconstructions"}


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """Write to a folder of the test, and talk to nobody."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_DISABLE_WEAVE", "true")
    wandb.teardown()  # it reads the environment once in a process
    yield
    wandb.teardown()


def find_runs(folder):
    """Return the offline runs in a folder, the oldest first."""
    paths = sorted((folder / "wandb").glob("offline-run-*"), key=lambda path: path.stat().st_ctime)
    return [read_run(path) for path in paths]


def test_an_algorithm_of_sb3(tmp_path):
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, seed=3, device="cpu")
    with WandbTracker() as tracker:
        model.learn(64, callback=tracker)
        tracker.log_picture("grid", np.zeros((4, 5, 3), np.uint8), 64)
    assert tracker.place.startswith("wandb sync ")
    (run,) = find_runs(tmp_path)
    rows = [row for row in run.rows if "time/iterations" in row]
    assert [row["global_step"] for row in rows] == [32, 64]
    assert rows[1]["rollout/ep_rew_mean"] > 5
    assert (run.config["algorithm"], run.config["seed"]) == ("PPO", 3)
    (picture,) = [row["grid"] for row in run.rows if "grid" in row]
    assert (picture["width"], picture["height"]) == (5, 4)
    assert run.exit_code == 0


def test_a_run_that_is_open_is_used_and_left_open(tmp_path):
    with wandb.init(project="mine") as run:
        with WandbTracker(config={"a": 1}) as tracker:
            assert tracker.log({"loss": 0.5}, 7)
        assert tracker.run_id == run.id
        run.log({"after": 1})
    (found,) = find_runs(tmp_path)
    assert found.config["a"] == 1
    assert [row.get("loss", row.get("after")) for row in found.rows] == [0.5, 1]


def test_gcgen_train_and_resume(tmp_path):
    options = ("--track", "wandb", "--timesteps", "1280", "--log-interval", "2")
    done = train(tmp_path / "digits", *options[:4])
    assert "wandb            wandb sync " in done.output
    (first,) = find_runs(tmp_path)
    record = done.folder.read()
    assert first.run_id == record.tracked_as
    assert first.config["settings"]["env"] == "GCGen-Digits-v0"
    assert first.config["settings"]["s_agent"]["width"] == 32
    nll = [(row["global_step"], row["train/nll"]) for row in first.rows if "train/nll" in row]
    assert [step for step, _ in nll] == [1280]
    assert all(0 < value < 100 for _, value in nll)
    bounds = [(row["global_step"], row["test/bound"]) for row in first.rows if "test/bound" in row]
    assert [step for step, _ in bounds] == [0, 1280]
    assert bounds[1][1] < bounds[0][1]
    assert {name for row in first.rows for name in row} >= PICTURES
    assert first.exit_code == 0

    assert main(["train", "--resume", str(done.folder.path), "--timesteps", "2560"]) == 0
    _, second = find_runs(tmp_path)
    assert second.run_id == first.run_id
    assert [row["global_step"] for row in second.rows if "train/nll" in row] == [2560]
    assert done.folder.read().tracked_as == first.run_id


def test_ctrl_c_ends_the_run(tmp_path):
    command = [sys.executable, "-m", "agents.cli.main", "train", "--track", "wandb"]
    out = tmp_path / "digits"
    process = subprocess.Popen(
        [*command, "--out", str(out), "--minutes", "5", *TINY],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        start_new_session=True,
    )
    assert "test bound before" in process.stdout.readline()
    deadline = time.monotonic() + 60
    while not any(b"train/nll" in log.read_bytes() for log in out.glob("tb/*/events.*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: wandb's own process, too
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "continue with: gcgen train --resume" in output
    (run,) = find_runs(tmp_path)
    assert run.run_id == RunFolder(out).read().tracked_as
    assert run.exit_code == 130
    assert any("train/nll" in row for row in run.rows)


def test_without_a_network_the_run_is_kept_in_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    wandb.teardown()
    settings = wandb.Settings(console="off", silent=True, init_timeout=3, login_timeout=3)
    with pytest.warns(RuntimeWarning, match="wandb is not reached"):
        tracker = WandbTracker(settings=settings)
        tracker.open()
    assert tracker.log({"loss": 1.0}, 3)
    tracker.finish()
    wandb.teardown()  # as at the end of the process: wandb's own process has written all
    runs = find_runs(tmp_path)
    assert [(row["loss"], row["global_step"]) for run in runs for row in run.rows] == [(1.0, 3)]
