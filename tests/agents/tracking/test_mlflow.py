"""`MLflowTracker` with a database in a file: what is in it."""

import numpy as np
import pytest
from stable_baselines3 import PPO

from agents.cli.main import main
from agents.tracking import MLflowTracker
from tests.agents.cli.conftest import train

pytestmark = pytest.mark.extra


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A client of a database in a folder of the test."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    library = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'runs.db'}")
    monkeypatch.chdir(tmp_path)  # the pictures are there
    return library.MlflowClient()


def find_steps(client, run_id, name):
    """Return the steps of a metric."""
    return [metric.step for metric in client.get_metric_history(run_id, name)]


def find_pictures(client, run_id):
    """Return the names of the pictures."""
    return {
        info.path.split("/")[1].split("+")[0] for info in client.list_artifacts(run_id, "images")
    }


def test_an_algorithm_of_sb3(client):
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, seed=3, device="cpu")
    with MLflowTracker(experiment="poles") as tracker:
        model.learn(64, callback=tracker)
        tracker.log_picture("grid", np.zeros((4, 5, 3), np.uint8), 64)
    run = client.get_run(tracker.run_id)
    assert run.info.status == "FINISHED"
    assert client.get_experiment(run.info.experiment_id).name == "poles"
    assert (run.data.params["algorithm"], run.data.params["seed"]) == ("PPO", "3")
    assert find_steps(client, tracker.run_id, "time/iterations") == [32, 64]
    assert run.data.metrics["rollout/ep_rew_mean"] > 5
    assert find_pictures(client, tracker.run_id) == {"grid"}
    assert tracker.run_id in tracker.place


def test_gcgen_train_and_resume(client, tmp_path):
    done = train(tmp_path / "digits", "--track", "mlflow", "--timesteps", "1280")
    run_id = done.folder.read().tracked_as
    assert run_id in done.output
    run = client.get_run(run_id)
    assert run.info.run_name == "digits"
    assert run.info.status == "FINISHED"
    assert run.data.params["settings/env"] == "GCGen-Digits-v0"
    assert run.data.params["settings/s_agent/width"] == "32"
    assert find_steps(client, run_id, "train/nll") == [1280]
    bounds = client.get_metric_history(run_id, "test/bound")
    assert [metric.step for metric in bounds] == [0, 1280]
    assert bounds[1].value < bounds[0].value
    assert find_pictures(client, run_id) == {"samples", "trajectory", "reconstructions"}

    assert main(["train", "--resume", str(done.folder.path), "--timesteps", "2560"]) == 0
    assert done.folder.read().tracked_as == run_id
    assert find_steps(client, run_id, "train/nll") == [1280, 2560]
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_server_that_is_away_ends_no_training(client, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody listens there
    with pytest.warns(RuntimeWarning, match="mlflow has failed: .*; training goes on"):
        done = train(tmp_path / "digits", "--track", "mlflow", "--timesteps", "256")
    assert done.folder.read().tracked_as is None
    assert done.folder.samples.is_file()
