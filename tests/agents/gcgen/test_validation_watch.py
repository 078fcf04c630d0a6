import math
import warnings
from dataclasses import asdict

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import configure

from agents import GCGen, StopOnRequest, ValidationWatch
from agents.gcgen import validation_watch
from agents.gcgen.generalisation import Evaluation
from agents.gcgen.validation_watch import find_interval
from gcgen_env.storage import load_container
from tests.agents.conftest import make_model

ROUND = 32 * 6
"""Timesteps of an update of the model of small images."""


def draw_images(num, rng):
    """Return blurred noise, shape (num, 8, 8), bytes."""
    coarse = rng.random((num, 1, 3, 3))
    fine = torch.nn.functional.interpolate(torch.tensor(coarse), (8, 8), mode="bicubic")
    return (255 * fine[:, 0].clamp(0, 1)).byte().numpy()


@pytest.fixture
def make_small(tmp_path):
    """A function that makes a model of images of which it is told how many there are."""

    def make(training, validation, **options):
        rng, path = np.random.default_rng(0), tmp_path / "small.npz"
        splits = {"train": training, "validation": validation, "test": 2}
        np.savez(path, **{name: draw_images(num, rng) for name, num in splits.items()})
        env = {"dataset": str(path), "num_proposals": 16, "horizon": 6}
        sizes = {"s_agent_kwargs": {"width": 16, "depth": 1}, "n_envs": 32, "batch_size": 32}
        return GCGen("GCPolicy", "GCGen-Images-v0", env_kwargs=env, seed=0, **sizes, **options)

    return make


@pytest.fixture
def often(monkeypatch):
    """Evaluate after each update, on few images."""
    monkeypatch.setattr(validation_watch, "find_interval", lambda num, batch_size: 1)
    monkeypatch.setattr(validation_watch, "MOST_IMAGES", 4)


class Recorder(ValidationWatch):
    """A watch that lists all of its evaluations."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.all = []

    def _measure(self):
        self.all.append(super()._measure())
        return self.all[-1]


@pytest.fixture
def every_ten(monkeypatch):
    """Evaluate after every tenth update."""
    monkeypatch.setattr(validation_watch, "find_interval", lambda num, batch_size: 10)


FAST = {"optimizer": "adam", "learning_rate": 1e-2, "lr_schedule": "constant"}


def test_thirty_images_are_learned_by_heart(make_small, every_ten):
    saved = []
    watch = Recorder(saved.append)
    with pytest.warns(UserWarning, match=r"risen since update \d+ by .* by heart; more") as told:
        make_small(30, 100, **FAST).learn(65 * ROUND, watch)
    assert len(told) == 1  # although they go on to part
    assert [each.update for each in watch.all] == [10, 20, 30, 40, 50, 60, 65]
    assert saved == watch.all[: len(saved)]
    assert watch.best == saved[-1]
    assert watch.last.validation_bound > watch.best.validation_bound + 3
    assert watch.last.training_bound < watch.best.training_bound - 3


def test_a_thousand_images_are_not(make_small, every_ten):
    watch = Recorder()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        make_small(1000, 100, **FAST).learn(40 * ROUND, watch)
    assert [each.update for each in watch.all] == [10, 20, 30, 40]
    assert watch.best.update >= 30
    assert watch.best.validation_bound < watch.all[0].validation_bound - 10


def check_same(one, other, folder):
    """Check that all states of two models are equal: weights, optimisers and generators."""
    files = [folder / "one.gcgen", folder / "other.gcgen"]
    for model, path in zip((one, other), files, strict=True):
        model.save(path)
    (document, tensors), (expected, others) = (load_container(path, "gcgen") for path in files)
    assert document == expected
    torch.testing.assert_close(tensors, others, rtol=0, atol=0)
    assert one.policy.training == other.policy.training


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"train_s_agent": False},
        {"gc_objective": "tree_search", "policy": "SearchPolicy", "policy_kwargs": {}},
        {"policy_kwargs": {"learned": False}, "augment": ("shift",)},
    ],
)
def test_the_training_is_the_same_with_the_watch(often, options, tmp_path):
    watch = Recorder()
    plain, watched = (
        make_model(n_envs=8, **options).learn(3 * 8 * 8, callback) for callback in (None, watch)
    )
    assert [each.update for each in watch.all] == [1, 2, 3]
    check_same(watched, plain, tmp_path)


def test_the_training_of_a_basis_is_the_same_with_the_watch(often, tmp_path):
    env = {"num_proposals": 4, "horizon": 3, "likelihood": "gaussian", "sigma": 0.1}
    options = {"env_kwargs": env, "s_agent_kwargs": {"width": 8, "depth": 1, "basis": 5}}
    watch = Recorder()
    plain, watched = (
        make_model(policy_kwargs={"learned": False}, **options).learn(4 * 16 * 3, callback)
        for callback in (None, watch)
    )
    assert watched.s_agent.basis is not None
    assert len(watch.all) == 4
    check_same(watched, plain, tmp_path)


def test_the_bounds_are_those_of_the_model(often):
    """The sample is the whole set if that is small, in its order."""
    watch, model = Recorder(), make_model()
    validation = model.load_split("validation").select(slice(0, 4))
    model._data = type("Data", (), {"split": lambda self, name: splits[name]})()
    splits = {"validation": validation, "train": validation.select(slice(1, 4))}
    model.learn(2 * 16 * 8, watch)
    report = model.evaluate_nll(validation.take(range(4)), seed=0)
    assert watch.last.validation == tuple(report.per_image.tolist())
    assert len(watch.last.training) == 3


def test_evaluations_are_logged(often, tmp_path):
    model = make_model()
    model.set_logger(configure(str(tmp_path), ["csv"]))
    watch = Recorder()
    model.learn(3 * 16 * 8, watch, log_interval=None)
    rows = np.genfromtxt(tmp_path / "progress.csv", delimiter=",", names=True)
    names = [name.replace("/", "") for name in ("eval/validation_bound", "eval/training_bound")]
    logged = np.stack([rows[name] for name in names], 1)
    expected = [(each.validation_bound, each.training_bound) for each in watch.all]
    np.testing.assert_allclose(logged, expected)
    np.testing.assert_array_equal(rows["timetotal_timesteps"], [128, 256, 384])


def test_a_resumed_training_knows_its_best(often, tmp_path):
    """It evaluates at the same updates, and saves only what is better than all before."""
    whole = Recorder()
    make_model().learn(4 * 16 * 8, whole)
    first, path = Recorder(), tmp_path / "model.gcgen"
    model = make_model()
    stop = StopOnRequest(lambda: model._n_updates == 2)
    model.learn(4 * 16 * 8, [first, stop])
    model.save(path)
    saved = []
    second = Recorder(saved.append, Evaluation.read(asdict(first.best)))
    GCGen.load(path, env=model.env_config).learn(2 * 16 * 8, second, reset_num_timesteps=False)
    assert first.all + second.all == whole.all
    assert [each.update for each in first.all] == [1, 2]
    assert second.best == whole.best
    assert all(each.validation_bound < first.best.validation_bound for each in saved)


def test_the_best_of_other_images_does_not_count(often):
    other = Evaluation(5, (-1e9,) * 3, (-1e9,) * 3)
    watch = Recorder(lambda _: None, other)
    make_model().learn(16 * 8, watch)
    assert watch.best == watch.last


def test_the_best_of_another_sigma_does_not_count(make_small, often):
    model, watch = make_small(24, 6, **FAST), Recorder()
    model.learn(32 * 6, watch)
    lower = watch.best
    model.set_sigma(10.0)
    model.learn(32 * 6, watch, reset_num_timesteps=False)
    assert watch.best.validation_bound > lower.validation_bound
    assert watch.best in watch.all[1:]


def test_a_stopped_training_is_not_evaluated_at_its_end():
    model, watch = make_model(), Recorder()
    model.learn(8 * 16 * 8, [watch, StopOnRequest(lambda: model._n_updates == 3)])
    assert watch.all == []


def test_the_best_is_what_could_be_saved(often):
    def save(evaluation):
        raise OSError("no space left")

    watch = Recorder(save)
    with pytest.warns(RuntimeWarning, match="no best model for now: no space left; training goes"):
        make_model().learn(2 * 16 * 8, watch)
    assert watch.best is None
    assert len(watch.all) == 2


def test_too_few_images_are_refused():
    images = np.random.default_rng(0).integers(0, 256, (19, 4, 4), dtype=np.uint8)
    env = {"dataset": images, "num_proposals": 4, "horizon": 2}
    model = GCGen("GCPolicy", "GCGen-Images-v0", env_kwargs=env, seed=0)
    with pytest.raises(ValueError, match="the validation images of array are its training images"):
        model.learn(16, ValidationWatch())


@pytest.mark.parametrize(
    ("num", "batch_size", "interval"), [(128, 64, 80), (2, 64, 21), (128, 16, 260), (128, 512, 28)]
)
def test_evaluations_are_a_twentieth_of_the_work(num, batch_size, interval):
    assert find_interval(num, batch_size) == interval


def test_a_bound_that_is_no_number_is_never_the_best(make_small, often, monkeypatch):
    saved, bounds = [], iter([math.nan, 5.0, math.nan, 4.0])
    monkeypatch.setattr(
        validation_watch,
        "measure",
        lambda model, samples: Evaluation(model._n_updates, (next(bounds),) * 3, (1.0,) * 3),
    )
    make_small(30, 4).learn(4 * 32 * 6, ValidationWatch(saved.append))
    assert [each.validation_bound for each in saved] == [5.0, 4.0]


def test_validation_images_that_are_trained_on_are_refused(make_small):
    model = make_small(30, 30)
    model.set_env(gym.make("GCGen-Images-v0", **{**vars(model.env_config), "split": "validation"}))
    with pytest.raises(ValueError, match="trains on the validation images"):
        model.learn(192, ValidationWatch())
