"""Runs that fit sigma to validation images at their end."""

import json
import re

import numpy as np
import pytest

from agents import GCGen
from agents.cli.fitted_sigma import MOST_IMAGES
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
    if keep == "best":  # its bound is the one with the fitted sigma
        images = validation_watch.draw_samples(model).validation
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


def test_a_run_that_goes_on_is_fitted_again(own, tmp_path):
    run = train(tmp_path / "run", *own, "--timesteps", str(4 * ROUND))
    first = GCGen.load(run.folder.model).s_agent.likelihood.sigma
    again = train(tmp_path / "run", "--resume", "--timesteps", str(12 * ROUND))
    assert "sigma fitted" in again.output
    assert 0.02 < GCGen.load(run.folder.model).s_agent.likelihood.sigma < first  # it has learned


def test_a_given_sigma_stays(own, tmp_path):
    run = train(tmp_path / "run", *own, "--timesteps", str(2 * ROUND), "--sigma", "0.2")
    assert "sigma fitted" not in run.output
    assert GCGen.load(run.folder.model).s_agent.likelihood.sigma == 0.2


def test_few_images_are_enough(tmp_path):
    np.save(tmp_path / "one.npy", np.full((1, 4, 4), 200, dtype=np.uint8))
    options = (*OPTIONS, "--dataset", str(tmp_path / "one.npy"), "--timesteps", str(2 * ROUND))
    run = train(tmp_path / "run", *options)
    assert "sigma fitted to 1 validation image: " in run.output
    assert MOST_IMAGES > 1 and np.isfinite(GCGen.load(run.folder.model).sample(2)).all()


def stop(*arguments):
    raise RuntimeError("killed")
