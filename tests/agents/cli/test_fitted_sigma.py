"""Runs that fit sigma to validation images at their end."""

import json
import re

import numpy as np
import pytest

from agents import GCGen
from agents.cli.main import main
from agents.cli.models import find_model
from agents.cli.run_folder import RunFolder
from agents.gcgen import validation_watch
from gcgen_env.storage import load_container
from tests.agents.cli.conftest import train

ROUND = 16 * 2
OPTIONS = (
    "--env", "GCGen-Images-v0", "--num-proposals", "4", "--horizon", "2", "--n-envs", "16",
    "--batch-size", "16",
)  # fmt: skip


@pytest.fixture
def own(tmp_path):
    """Options of runs with images of the user's own: bytes that vary little around grey."""
    images = np.random.default_rng(0).normal(128, 6, (400, 4, 4)).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    return (*OPTIONS, "--dataset", str(tmp_path / "images.npy"))


@pytest.fixture(autouse=True)
def every_fourth_update(monkeypatch):
    monkeypatch.setattr(validation_watch, "find_interval", lambda num, batch_size: 4)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_run_ends_with_the_sigma_of_its_images(own, tmp_path, keep):
    run = train(tmp_path / "run", *own, "--timesteps", str(8 * ROUND), "--keep", keep)
    model = GCGen.load(run.folder.model)
    sigma = model.s_agent.likelihood.sigma
    assert f"sigma fitted to 40 validation images: {sigma:.3g}\n" in run.output
    assert 0.02 < sigma < 0.08  # the images have 6 / 255 = 0.024, and choices add to it
    assert run.output.count("bits per dimension") == 2  # before and after
    before, after = (float(x) for x in re.findall(r"([\d.]+) bits per dimension", run.output))
    assert after < before
    best = run.folder.read().best
    if keep == "best":  # bounds are compared with the sigma of the training
        images = validation_watch.draw_samples(model).validation
        model.set_sigma(0.1)
        assert model.evaluate_nll(images).per_image.tolist() == list(best["validation"])
    assert "is_fitted" not in json.loads(run.folder.config.read_text())


def test_a_run_that_is_killed_before_its_pictures_is_not_fitted_twice(own, tmp_path, monkeypatch):
    whole = train(tmp_path / "whole", *own, "--timesteps", str(4 * ROUND))
    monkeypatch.setattr("agents.cli.session.write_samples", stop)
    with pytest.raises(RuntimeError, match="killed"):
        train(tmp_path / "run", *own, "--timesteps", str(4 * ROUND))
    monkeypatch.undo()
    again = train(tmp_path / "run", "--resume")
    assert "sigma fitted" not in again.output and "budget is spent" in again.output
    ends = [load_container(each.folder.s_agent, "s-agent") for each in (whole, again)]
    assert ends[0][0]["likelihood"] == ends[1][0]["likelihood"]


def test_a_run_that_goes_on_is_trained_as_before_and_fitted_again(own, tmp_path, monkeypatch):
    run = train(tmp_path / "run", *own, "--timesteps", str(4 * ROUND))
    first = GCGen.load(run.folder.model).s_agent.likelihood.sigma
    seen, update = [], GCGen.update_s_agent

    def record(model, *arguments):
        seen.append(model.s_agent.likelihood.sigma)
        return update(model, *arguments)

    monkeypatch.setattr(GCGen, "update_s_agent", record)
    again = train(tmp_path / "run", "--resume", "--timesteps", str(12 * ROUND))
    assert "sigma fitted" in again.output and set(seen) == {0.1}
    assert 0.02 < GCGen.load(run.folder.model).s_agent.likelihood.sigma < first  # it has learned


def test_a_best_model_that_a_kill_has_left_over_is_not_used(own, tmp_path, monkeypatch):
    """The run has ended, but the process died before it removed the other file."""
    unlink = type(tmp_path).unlink

    def die(path, **options):
        is_best = path.name == "best.gcgen" and path.exists()
        return stop() if is_best else unlink(path, **options)

    monkeypatch.setattr(type(tmp_path), "unlink", die)
    with pytest.raises(RuntimeError, match="killed"):
        train(tmp_path / "run", *own, "--timesteps", str(8 * ROUND), "--keep", "best")
    monkeypatch.undo()
    folder = RunFolder(tmp_path / "run")
    assert folder.best.is_file() and find_model(folder.path) == folder.model
    fitted = GCGen.load(folder.model).s_agent.likelihood.sigma
    assert fitted != 0.1
    again = train(folder.path, "--resume")
    assert "budget is spent" in again.output and not folder.best.is_file()
    assert GCGen.load(folder.model).s_agent.likelihood.sigma == fitted


def test_a_given_sigma_stays(own, tmp_path):
    run = train(tmp_path / "run", *own, "--timesteps", str(2 * ROUND), "--sigma", "0.2")
    assert "sigma fitted" not in run.output
    assert GCGen.load(run.folder.model).s_agent.likelihood.sigma == 0.2


def test_images_that_are_not_divided_keep_the_sigma_of_the_training(tmp_path):
    np.save(tmp_path / "few.npy", np.full((19, 4, 4), 200, dtype=np.uint8))
    options = (*OPTIONS, "--dataset", str(tmp_path / "few.npy"), "--timesteps", str(2 * ROUND))
    run = train(tmp_path / "run", *options)
    assert "sigma fitted" not in run.output
    assert GCGen.load(run.folder.model).s_agent.likelihood.sigma == 0.1


def test_data_that_have_moved_are_found(own, tmp_path, capfd, fails):
    run = train(tmp_path / "run", *own, "--timesteps", str(ROUND))
    (tmp_path / "moved").mkdir()
    (tmp_path / "images.npy").rename(tmp_path / "moved" / "images.npy")
    command = ("evaluate", "--model", run.folder.path, "--paths", "1")
    assert "pass --data-dir, the folder that holds it" in fails(*command)
    assert main([*map(str, command), "--data-dir", str(tmp_path / "moved")]) == 0
    assert "bits per dimension" in capfd.readouterr().out


def stop(*arguments, **options):
    raise RuntimeError("killed")
