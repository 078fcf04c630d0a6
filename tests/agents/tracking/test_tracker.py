"""What all trackers have in common, with a service that a test can break."""

import sys

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Figure, HParam, Image

from agents.gcgen.callbacks import StopOnRequest
from agents.tracking import MLflowTracker, Tracker, TrackerOutput, WandbTracker
from tests.agents.conftest import make_model

UPDATE = 16 * 8
"""Timesteps of one roll-out of the small model."""


class ListTracker(Tracker):
    """Keeps everything in lists; fails while `is_down`."""

    name = "queue"  # of the standard library: it is always installed
    place = "here"

    def __init__(self, **options):
        super().__init__(**options)
        self.configs, self.begun, self.rows, self.pictures, self.ended = [], [], [], [], []
        self.is_down = False

    def _begin(self):
        self._fail_if_down()
        self.begun.append(self.run_id)
        return self.run_id or "run-1"

    def _send_config(self, config):
        self.configs.append(config)

    def _send(self, numbers, step):
        self._fail_if_down()
        self.rows.append((step, numbers))

    def _send_picture(self, name, pixels, step):
        self._fail_if_down()
        self.pictures.append((step, name, pixels))

    def _end(self, status):
        self._fail_if_down()
        self.ended.append(status)

    def _fail_if_down(self):
        if self.is_down:
            raise RuntimeError("no\nroute to host")


def learn(model, tracker, updates=3, **options):
    return model.learn(updates * UPDATE, callback=tracker, log_interval=1, **options)


def test_a_training_is_one_run_with_a_row_for_each_round():
    tracker, model = ListTracker(), make_model()
    learn(model, tracker)
    assert [step for step, _ in tracker.rows] == [UPDATE, 2 * UPDATE, 3 * UPDATE]
    names = {"train/nll", "train/divergence", "divergence/step_7", "time/total_timesteps"}
    assert names <= set(tracker.rows[-1][1])
    (config,) = tracker.configs
    assert tracker.begun == [None]
    assert (config["algorithm"], config["seed"], config["n_envs"]) == ("GCGen", 0, 16)
    assert tracker.ended == ["finished"]
    assert not any(isinstance(output, TrackerOutput) for output in model.logger.output_formats)


def test_samples_are_drawn_for_a_tracker_alone(monkeypatch):
    monkeypatch.setattr("agents.gcgen.training_log.SAMPLE_INTERVAL", 2)
    tracker = ListTracker()
    learn(make_model(), tracker, updates=4)
    assert [(step, name) for step, name, _ in tracker.pictures] == [
        (UPDATE, "samples"),
        (2 * UPDATE, "samples"),
        (4 * UPDATE, "samples"),
    ]
    assert tracker.pictures[0][2].shape[2] == 3


def test_a_tracked_training_gives_the_same_model():
    one = learn(make_model(), ListTracker())
    other = make_model().learn(3 * UPDATE, log_interval=None)
    np.testing.assert_array_equal(one.sample(4, seed=0), other.sample(4, seed=0))


def test_the_next_training_continues_the_run():
    tracker, model = ListTracker(), make_model()
    learn(model, tracker, updates=1)
    learn(model, tracker, updates=1, reset_num_timesteps=False)
    assert tracker.begun == [None, "run-1"]
    assert [step for step, _ in tracker.rows] == [UPDATE, 2 * UPDATE]


def test_a_context_keeps_the_run_open():
    with ListTracker(config={"mine": 1}) as tracker:
        learn(make_model(), tracker, updates=1)
        learn(make_model(), tracker, updates=1)
        assert tracker.ended == []
        assert tracker.log_picture("last", np.zeros((2, 2, 3), np.uint8), 5)
    assert (tracker.begun, tracker.configs) == ([None], [{"mine": 1}])
    assert tracker.ended == ["finished"]
    assert len(tracker.rows) == 2


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "killed"), (OSError, "failed")])
def test_the_run_says_how_it_ended(error, status):
    tracker = ListTracker()
    with pytest.raises(error), tracker:
        raise error
    assert tracker.ended == [status]


def test_a_stopped_training_ends_its_run():
    tracker, model = ListTracker(), make_model()
    stop = StopOnRequest(lambda: model.num_timesteps > UPDATE)
    model.learn(9 * UPDATE, callback=[stop, tracker], log_interval=1)
    assert model.num_timesteps < 9 * UPDATE
    assert tracker.ended == ["finished"]


def test_a_service_that_is_down_warns_once_and_is_not_asked_all_the_time(monkeypatch):
    tracker, model = ListTracker(), make_model()
    tracker.is_down = True
    with pytest.warns(
        RuntimeWarning, match="queue has failed: no route to host; training"
    ) as found:
        learn(model, tracker)
    assert len(found) == 1
    assert model.num_timesteps == 3 * UPDATE
    assert tracker.rows == []
    tracker.is_down = False
    learn(model, tracker, updates=1)
    assert tracker.rows == []  # the pause
    monkeypatch.setattr("time.monotonic", lambda now=tracker._paused_until: now)
    assert tracker.log({"loss": 1.0}, 7)
    assert tracker.rows == [(7, {"loss": 1.0})]
    tracker.finish()
    assert tracker.ended == ["finished"]


def test_every_algorithm_of_sb3_can_be_tracked():
    tracker = ListTracker()  # it is not open before the algorithm is known
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, seed=0, device="cpu")
    model.learn(64, callback=tracker)
    assert [step for step, _ in tracker.rows] == [32, 64]
    assert {"rollout/ep_rew_mean", "time/iterations"} <= set(tracker.rows[0][1])
    (config,) = tracker.configs
    assert (config["algorithm"], config["n_steps"]) == ("PPO", 32)
    assert "num_timesteps" not in config


def test_an_output_takes_numbers_and_images(monkeypatch):
    sent = []
    output = TrackerOutput("queue", lambda *row: sent.append(row))
    grey = np.array([[0.0, 2.0]])
    figure = pytest.importorskip("matplotlib.figure").Figure((1, 1), dpi=10)
    values = {
        "a": np.float32(0.5),
        "b": torch.tensor(2),
        "c": np.array([3]),
        "left_out": 1,
        "text": "words",
        "array": np.zeros(2),
        "hparams": HParam({}, {"a": 1}),
        "hwc": Image(torch.full((2, 3, 3), 0.5), "HWC"),
        "chw": Image(np.zeros((1, 2, 3), np.uint8), "CHW"),
        "hw": Image(grey, "HW"),
        "figure": Figure(figure, close=True),
    }
    output.write(values, {"left_out": ("csv", "queue"), "a": ("stdout",), "b": None}, 4)
    ((numbers, pictures, step),) = sent
    assert (numbers, step) == ({"a": 0.5, "b": 2.0, "c": 3.0}, 4)
    shapes = {name: pixels.shape for name, pixels in pictures.items()}
    assert shapes == {"hwc": (2, 3, 3), "chw": (2, 3), "hw": (1, 2), "figure": (10, 10, 3)}
    assert pictures["hw"].tolist() == [[0, 255]]
    assert all(pixels.dtype == np.uint8 for pixels in pictures.values())


@pytest.mark.parametrize("kind", [WandbTracker, MLflowTracker])
def test_a_missing_library_is_one_sentence(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, kind.name, None)
    with pytest.raises(ImportError) as found:
        kind()
    name = kind.name
    expected = f"tracking with {name} needs the library {name}: pip install 'gcgen[{name}]'"
    assert str(found.value) == expected
