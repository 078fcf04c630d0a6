"""A training that is stopped, saved and resumed ends as one that never stopped, bit for bit."""

import warnings

import pytest
import torch

from agents import GCGen
from agents.gcgen.callbacks import StopOnRequest, TimedCheckpoint
from agents.gcgen.checkpoint import Checkpoint
from agents.gcgen.optimizer_state import pack
from agents.gcgen.schedule import Clock, Schedule
from gcgen_env.storage import load_container, save_container
from tests.agents.conftest import DIGITS, make_model

ROUND = 64 * 8
"""Timesteps of a round of four batches."""
TOTAL = 6 * ROUND
VARIANTS = {
    "look-ahead": {"n_envs": 64},
    "a last batch that is smaller": {"n_envs": 56},
    "learned score": {"n_envs": 64, "policy_kwargs": {"learned": True}, "gc_interval": 3},
    "frozen S-agent": {"n_envs": 64, "policy_kwargs": {"learned": True}, "train_s_agent": False},
    "expert iteration": {
        "n_envs": 64,
        "policy_kwargs": {"learned": True},
        "gc_objective": "expert_iteration",
    },
    "Adam": {"n_envs": 64, "optimizer": "adam", "learning_rate": 2e-3},
    "grey goals": {"n_envs": 64, "env_kwargs": {"binarize": False}},
    "without replacement": {"n_envs": 56, "replacement": False},
    "classes": {"n_envs": 64, "condition": "label"},
}


def make(variant, **kwargs):
    """Return an untrained model."""
    return make_model(batch_size=16, seed=3, **{**VARIANTS[variant], **kwargs})


def assert_equal(one, other):
    """Compare every weight and every moment of two models."""
    states = Checkpoint.of(one), Checkpoint.of(other)
    for a, b in zip(*(state.s_agent.pack()[1].items() for state in states), strict=True):
        assert a[0] == b[0] and torch.equal(a[1], b[1]), a[0]
    for a, b in zip(*(state.policy.items() for state in states), strict=True):
        assert a[0] == b[0] and torch.equal(a[1], b[1]), a[0]
    for name, state in states[0].optimizers.items():
        moments = pack(name, state), pack(name, states[1].optimizers[name])
        assert moments[0].keys() == moments[1].keys()
        for key, value in moments[0].items():
            assert torch.equal(value, moments[1][key]), key
    assert (one.num_timesteps, one._n_updates) == (other.num_timesteps, other._n_updates)
    assert one.goals_state == other.goals_state
    assert torch.equal(one._generator.get_state(), other._generator.get_state())


def resume(path):
    """Load a model and train it to the end."""
    model = GCGen.load(path, device="cpu")
    model.set_env(model.env_config)
    return model.learn(TOTAL - model.num_timesteps, reset_num_timesteps=False)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_stopped_training_ends_as_if_it_had_not_stopped(tmp_path, variant):
    whole = make(variant).learn(TOTAL)
    for requested in (1, 3 * ROUND + 5):
        model = make(variant)
        model.learn(TOTAL, callback=StopOnRequest(lambda m=model, n=requested: m.num_timesteps > n))
        assert requested < model.num_timesteps < TOTAL
        model.save(tmp_path / "stopped")
        assert_equal(whole, resume(tmp_path / "stopped"))
        model.learn(TOTAL - model.num_timesteps, reset_num_timesteps=False)  # without a file
        assert_equal(whole, model)


def test_every_timed_checkpoint_leads_to_the_same_end(tmp_path):
    """As after SIGKILL: the checkpoint is not the last state of the killed training."""
    files = []

    def save():
        files.append(tmp_path / str(len(files)))
        model.save(files[-1])

    model = make("learned score")
    model.learn(TOTAL, callback=TimedCheckpoint(save, seconds=1e-9))
    assert len(files) == 6
    for path in files[1::2]:
        assert_equal(model, resume(path))


def test_a_training_that_stops_twice(tmp_path):
    model = make("look-ahead")
    whole = make("look-ahead").learn(TOTAL)
    for end in (2 * ROUND, 4 * ROUND):
        stop = StopOnRequest(lambda m=model, n=end: m.num_timesteps >= n)
        model.learn(TOTAL - model.num_timesteps, callback=stop, reset_num_timesteps=False)
        model.save(tmp_path / "stopped")
        model = GCGen.load(tmp_path / "stopped", env=DIGITS, device="cpu")
    assert_equal(whole, resume(tmp_path / "stopped"))


def test_training_draws_nothing_from_the_generators_of_the_process(monkeypatch):
    """They are no part of a checkpoint, so that loading a model does not change them."""
    model = make("learned score")
    before = torch.get_rng_state()
    model.learn(2 * ROUND)
    assert torch.equal(before, torch.get_rng_state())


def test_another_seed_draws_anew(tmp_path):
    model = make("look-ahead").learn(ROUND)
    model.save(tmp_path / "model")
    same, other = (GCGen.load(tmp_path / "model", seed=seed) for seed in (3, 4))
    assert torch.equal(same._generator.get_state(), model._generator.get_state())
    assert not torch.equal(other._generator.get_state(), model._generator.get_state())
    same.set_random_seed(4)
    assert same.goals_state is None


def tampered(path, change):
    """Write a copy of a saved model with other content; return its path."""
    document, tensors = load_container(path, "gcgen")
    change(document, tensors)
    return save_container(path.with_name("tampered"), "gcgen", document, tensors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, t: t.pop("random.choices"), "'random.choices'"),
        (lambda d, t: t.update({"random.choices": torch.zeros(3, dtype=torch.uint8)}), "generator"),
        (lambda d, t: t.update({"random.choices": torch.zeros(5056)}), "generator"),
        (lambda d, t: d["goals_state"].pop("state"), "goals' generator"),
        (lambda d, t: d["goals_state"].update(state={"state": -1, "inc": 1 << 200}), "goals'"),
        (lambda d, t: d.update(goals_state=[1]), "goals' generator"),
        (lambda d, t: d["goals_state"].update(epochs={"seed": 1}), "goals' generator"),
        (lambda d, t: d["schedule"].update(total=0), "invalid schedule"),
        (lambda d, t: d["schedule"].update(begun=1.0), "invalid schedule"),
        (lambda d, t: d["schedule"].update(years=1), "years"),
        (lambda d, t: d["counters"].update(num_timesteps=1.5), "num_timesteps must be"),
        (lambda d, t: d["counters"].update(n_updates=True), "n_updates must be"),
        (lambda d, t: d["counters"].update(n_updates=-1), "n_updates must be"),
        (lambda d, t: d["counters"].update(progress=2.0), "progress must lie"),
        (lambda d, t: d["counters"].update(progress=[]), "not supported"),
        (lambda d, t: t.pop("optimizer.0.exp_avg"), "weight 0: exp_avg is missing"),
        (lambda d, t: t.update({"optimizer.0.odd": torch.ones(1)}), "odd is unknown"),
        (lambda d, t: t.update({"optimizer.0.step": torch.ones(2)}), "step has the wrong shape"),
        (lambda d, t: t.update({"optimizer.x.step": torch.ones(2)}), "x"),
        (lambda d, t: t.update({"optimizer.99999.step": torch.ones(1)}), "expected|99999"),
        (lambda d, t: [t.pop(n) for n in list(t) if n.startswith("optimizer.")], "0 weights"),
        (lambda d, t: d.update(optimizers=7), "not iterable"),
        (lambda d, t: d.update(run=7), "not iterable"),
    ],
)
def test_a_tampered_state_is_named(tmp_path, change, message):
    make("look-ahead").learn(ROUND).save(tmp_path / "model")
    path = tampered(tmp_path / "model", change)
    with pytest.raises(ValueError, match=f"^{path} is damaged: .*({message})") as caught:
        GCGen.load(path)
    assert "\n" not in str(caught.value)


def test_a_schedule_is_checked():
    assert Schedule(100, 200, 0.5).progress(150) == 0.75
    for values in ((0, 0, 0.0), (-1, 5, 0.0), (5, 4, 0.0), (0, 1, 1.0), (0, 1, float("nan"))):
        with pytest.raises(ValueError, match="invalid schedule"):
            Schedule(*values)


def test_a_clock_reads_the_time_that_it_is_given():
    seconds = iter([100.0, 115.0, 160.0])
    clock = Clock(1.0, 0.5, seconds.__next__)
    assert [clock.progress(), clock.progress()] == [0.625, 1.0]


class FullDisk:
    """Stands in for a writer; fails while `is_full`."""

    def __init__(self, write):
        self.write = write
        self.is_full = False

    def __call__(self, *args, **kwargs):
        if self.is_full:
            raise OSError(28, "No space left on device")
        return self.write(*args, **kwargs)


def test_a_log_that_cannot_be_written_costs_rows_and_not_the_training(tmp_path, monkeypatch):
    """TensorBoard's own writer never recovers from an error: a new one takes its place."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.tensorflow_stub.io.gfile import LocalFileSystem

    disk = FullDisk(LocalFileSystem.append)
    monkeypatch.setattr(LocalFileSystem, "append", lambda *args: disk(*args))
    model = make_model(tensorboard_log=str(tmp_path), n_envs=16)

    def fill(local, _):
        disk.is_full = 20 < model._n_updates < 40
        return True

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.learn(60 * 16 * 8, callback=fill, log_interval=1)
    ours = [str(each.message) for each in caught if "row of the log" in str(each.message)]
    assert len(ours) == 1
    assert "No space left on device; training goes on, and tries again" in ours[0]
    model.logger.close()
    steps = set()
    for folder in tmp_path.iterdir():
        for file in folder.iterdir():
            events = EventAccumulator(str(file)).Reload()
            if "train/nll" in events.Tags()["scalars"]:
                steps |= {event.step // (16 * 8) for event in events.Scalars("train/nll")}
    assert {1, 2, 59, 60} <= steps
    assert not steps & set(range(26, 40))
