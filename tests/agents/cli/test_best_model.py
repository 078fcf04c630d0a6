"""`gcgen train --keep`: which model a run ends with, and what is left of one that is stopped."""

import os
import re
import shutil

import numpy as np
import pytest

from agents import GCGen, SAgent
from agents.cli import session
from agents.cli.interrupts import EXIT_CODE
from agents.cli.main import main
from agents.cli.models import find_model
from agents.cli.run_folder import RunFolder
from agents.gcgen import validation_watch
from agents.gcgen.callbacks import StopOnRequest
from gcgen_env.storage import load_container, save_container
from tests.agents.cli.conftest import train

ROUND = 16 * 2
FAST = ("--optimizer", "adam", "--learning-rate", "0.5", "--lr-schedule", "constant")
"""Options of a training that soon diverges from its best model."""


def write_images(path, num=40):
    """Write small images; two splits are made of fewer than 20, three of more."""
    images = np.random.default_rng(0).integers(0, 256, (num, 4, 4), dtype=np.uint8)
    np.save(path, images)
    return path


@pytest.fixture
def own(tmp_path):
    """Options of runs with images of the user's own."""
    path = write_images(tmp_path / "images.npy")
    sizes = ("--num-proposals", "4", "--horizon", "2", "--sigma", "0.1")
    return ("--env", "GCGen-Images-v0", "--dataset", str(path), *sizes, *FAST)


@pytest.fixture(autouse=True)
def every_update(monkeypatch):
    """Evaluate after every update."""
    monkeypatch.setattr(validation_watch, "find_interval", lambda num, batch_size: 1)


def read_all(folder, own, monkeypatch, updates, *options):
    """Train a run; return the evaluations of every update, and the run."""
    found, measure = [], validation_watch.ValidationWatch._measure

    def record(watch):
        found.append(measure(watch))
        return found[-1]

    monkeypatch.setattr(validation_watch.ValidationWatch, "_measure", record)
    run = train(folder, *own, "--timesteps", str(updates * ROUND), *options)
    monkeypatch.setattr(validation_watch.ValidationWatch, "_measure", measure)
    return found, run


def test_a_run_ends_with_its_best_model(own, tmp_path, monkeypatch):
    found, run = read_all(tmp_path / "run", own, monkeypatch, 12)
    best = min(found, key=lambda each: each.validation_bound)
    assert [each.update for each in found] == list(range(1, 13))
    assert best.update < 12
    model = GCGen.load(run.folder.model)
    assert (model._n_updates, model.num_timesteps) == (best.update, best.update * ROUND)
    images = model.load_split("validation").take(range(4))
    assert model.evaluate_nll(images, seed=0).per_image.tolist() == list(best.validation)
    assert f"kept update {best.update} of 12, the best: {best}\n" in run.output
    assert f"and {12 * ROUND} timesteps:" in run.output
    saved = SAgent.load(run.folder.s_agent)
    np.testing.assert_array_equal(model.sample(4, seed=0), saved.sample(4, seed=0))
    assert "best.gcgen" not in os.listdir(run.folder.path)
    shorter = train(tmp_path / "short", *own, "--timesteps", str(best.update * ROUND))
    _, tensors = load_container(shorter.folder.model, "gcgen")
    for name, value in load_container(run.folder.model, "gcgen")[1].items():
        assert value.equal(tensors[name]), name  # no evaluation and no saving has left a trace


def test_the_last_model_is_kept_if_it_is_the_best(own, tmp_path, monkeypatch):
    found, run = read_all(tmp_path / "run", own, monkeypatch, 1)
    assert f"kept update 1, the best: {found[0]}" in run.output
    assert run.folder.read().best["update"] == 1


@pytest.mark.parametrize("options", [("--keep", "last"), ("--keep", "auto")])
def test_the_last_model_is_kept_if_asked_or_if_the_images_are_too_few(own, tmp_path, options):
    few = "40" if "last" in options else "19"
    write_images(tmp_path / "images.npy", int(few))
    run = train(tmp_path / "run", *own, "--timesteps", str(3 * ROUND), *options)
    assert GCGen.load(run.folder.model)._n_updates == 3
    assert "kept update" not in run.output


def test_data_sets_with_names_keep_the_last_model_unless_asked(tmp_path):
    for options, says in (((), False), (("--keep", "best"), True)):
        run = train(tmp_path / "run", "--timesteps", "128", "--overwrite", *options)
        assert ("kept update 1, the best: " in run.output) is says


def test_the_best_of_too_few_images_is_refused(own, tmp_path, fails):
    write_images(tmp_path / "images.npy", 19)
    message = fails("train", "--out", tmp_path / "run", *own, "--keep", "best")
    assert message == (
        "gcgen: --keep best finds no best model: the validation images of images.npy are its "
        "training images; a set of fewer than 20 is not divided; use --keep last\n"
    )
    assert not (tmp_path / "run").exists()


def test_an_archive_without_validation_images(own, tmp_path, fails):
    images = np.load(tmp_path / "images.npy")
    np.savez(tmp_path / "two.npz", train=images[:30], test=images[30:])
    other = ("--dataset", tmp_path / "two.npz", "--timesteps", ROUND)
    message = fails("train", "--out", tmp_path / "run", *own, *other, "--keep", "best")
    assert "two.npz: no array 'validation' in an archive that has its own splits" in message
    run = train(tmp_path / "run", *own, *map(str, other))
    assert "kept" not in run.output


def stop_after(monkeypatch, updates):
    """Make runs stop as Ctrl-C stops them, after a number of updates of the model."""

    class Stop(StopOnRequest):
        def __init__(self, is_requested):
            super().__init__(lambda: self.model._n_updates == updates)

    monkeypatch.setattr(session, "StopOnRequest", Stop)
    monkeypatch.setattr(session, "StopRequest", lambda: Stopped())


class Stopped:
    """A signal handler that has heard a signal."""

    is_set = True

    def __call__(self, number, frame):
        raise AssertionError


def test_a_stopped_run_shows_its_best_model_and_can_go_on(own, tmp_path, monkeypatch, capsys):
    whole = train(tmp_path / "whole", *own, "--timesteps", str(12 * ROUND))
    best = whole.folder.read().best["update"]
    words = ["train", "--out", str(tmp_path / "run"), *own, "--n-envs", "16", "--device", "cpu"]
    words += ["--width", "32", "--depth", "1", "--timesteps", str(12 * ROUND)]
    with monkeypatch.context() as patch:
        stop_after(patch, best + 2)
        assert main(words) == EXIT_CODE
    folder = RunFolder(tmp_path / "run")
    assert f"the best model so far is {folder.best}\n" in capsys.readouterr().out
    assert GCGen.load(folder.model)._n_updates == best + 2
    assert GCGen.load(find_model(folder.path))._n_updates == best
    out = tmp_path / "samples.npy"
    assert main(["sample", "--model", str(folder.path), "--num", "4", "--out", str(out)]) == 0
    np.testing.assert_array_equal(np.load(out), GCGen.load(whole.folder.model).sample(4, seed=0))
    assert main(["train", "--resume", str(folder.path)]) == 0
    (document, tensors), (expected, others) = (
        load_container(each.model, "gcgen") for each in (folder, whole.folder)
    )
    assert tensors.keys() == others.keys()
    assert all(value.equal(others[name]) for name, value in tensors.items())
    assert document["counters"] == expected["counters"]
    for name in ("best", "discarded"):
        assert document["run"][name] == expected["run"][name]


def test_a_finished_run_goes_on_from_its_best_model(own, tmp_path, capsys):
    run = train(tmp_path / "run", *own, "--timesteps", str(12 * ROUND))
    record, shown = run.folder.read(), run.folder.path
    best = record.best["update"]
    assert record.discarded == (12 - best) * ROUND
    capsys.readouterr()
    assert main(["train", "--resume", str(shown)]) == 0
    told = capsys.readouterr().out
    assert "the budget is spent" in told
    assert f"kept update {best}, the best: " in told
    assert GCGen.load(run.folder.model)._n_updates == best
    assert main(["train", "--resume", str(shown), "--timesteps", str(14 * ROUND)]) == 0
    assert f"kept update {best} of {best + 2}, the best: " in capsys.readouterr().out
    after = run.folder.read()
    assert after.discarded == (14 - best) * ROUND
    assert after.best == record.best
    assert set(os.listdir(shown)) == {"tb", ".lock"} | {
        *("model.gcgen", "s_agent.safetensors", "config.json"),
        *("samples.png", "trajectory.png", "reconstructions.png"),
    }


def test_a_full_disk_costs_the_best_model_and_not_the_run(own, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(RunFolder, "save_best", fail)
    with pytest.warns(RuntimeWarning, match="no best model for now: no space left"):
        run = train(tmp_path / "run", *own, "--timesteps", str(3 * ROUND))
    assert "kept the last update: the best one could not be saved" in run.output
    assert GCGen.load(run.folder.model)._n_updates == 3


def test_an_earlier_run_keeps_its_last_model(own, tmp_path):
    run = train(tmp_path / "run", *own, "--timesteps", str(ROUND), "--keep", "last")
    document, tensors = load_container(run.folder.model, "gcgen")
    del document["run"]["best"], document["run"]["discarded"]
    del document["run"]["settings"]["keep"]
    save_container(run.folder.model, "gcgen", document, tensors)
    again = ["train", "--resume", str(run.folder.path), "--timesteps", str(12 * ROUND)]
    assert main(again) == 0
    assert GCGen.load(run.folder.model)._n_updates == 12


@pytest.mark.parametrize(
    ("name", "value"), [("best", 3), ("best", {"update": 1}), ("discarded", -1), ("discarded", "x")]
)
def test_a_damaged_record(own, tmp_path, fails, name, value):
    run = train(tmp_path / "run", *own, "--timesteps", str(ROUND))
    document, tensors = load_container(run.folder.model, "gcgen")
    document["run"][name] = value
    save_container(run.folder.model, "gcgen", document, tensors)
    assert f"{run.folder.model} is damaged: " in fails("train", "--resume", run.folder.path)


def test_a_damaged_best_model(own, tmp_path, fails):
    run = train(tmp_path / "run", *own, "--timesteps", str(ROUND))
    shutil.copy(run.folder.s_agent, run.folder.best)
    message = fails("train", "--resume", run.folder.path, "--timesteps", 2 * ROUND)
    assert re.search(r"best\.gcgen is damaged: remove it, and the run starts its search", message)


def test_an_export_is_the_best_model(own, tmp_path, monkeypatch):
    run = train(tmp_path / "run", *own, "--timesteps", str(ROUND), "--keep", "last")
    model = GCGen.load(run.folder.model)
    monkeypatch.setattr(model, "_n_updates", 77)
    model.save(run.folder.best)
    out = tmp_path / "s_agent.safetensors"
    assert main(["export", "--run-folder", str(run.folder.path), "--out", str(out)]) == 0
    assert SAgent.load(out).metadata["updates"] == 77
