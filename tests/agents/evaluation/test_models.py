"""Whole evaluations of trained models."""

import json

import numpy as np
import pytest

from agents import GCGen
from agents.cli.main import main
from agents.evaluation import choose_sets, describe_evaluation, evaluate_samples, list_lines
from agents.evaluation.evaluation import take_as_many
from gcgen_env.datasets import load_dataset

pytestmark = pytest.mark.extra


@pytest.fixture(scope="module")
def splits():
    return load_dataset("digits", "train"), load_dataset("digits", "test")


@pytest.fixture(scope="module")
def evaluation(splits):
    model = GCGen("GCPolicy", "GCGen-Digits-v0", s_agent="pretrained", seed=0)
    return evaluate_samples(model, *splits, num=200)


def test_samples_stand_beside_real_images_and_reconstructions(evaluation):
    real, rebuilt, samples = evaluation.scores
    assert real.num_images == rebuilt.num_images == samples.num_images == 200
    assert samples.fid > real.fid
    assert real.memorisation and samples.memorisation and rebuilt.memorisation is None
    assert real.class_divergence is None  # no classifier of these digits is shipped
    names = [line.name for line in list_lines(evaluation.scores)]
    assert "FID" in names and "KL of classes" not in names


def test_a_seed_reproduces_the_figures(splits, evaluation):
    model = GCGen("GCPolicy", "GCGen-Digits-v0", s_agent="pretrained", seed=5)
    again = evaluate_samples(model, *splits, num=200)
    assert describe_evaluation(again) == describe_evaluation(evaluation)
    assert np.array_equal(again.nearest[0], evaluation.nearest[0])


def test_points_are_judged_without_a_network():
    model = GCGen("GCPolicy", "GCGen-Toy2D-v0", s_agent="pretrained", seed=0)
    sets = [load_dataset("two_moons", name) for name in ("train", "test")]
    result = evaluate_samples(model, *sets, num=300)
    assert result.features == "the values themselves"
    assert max(each.fid for each in result.scores) < 0.05


def test_a_conditional_model_is_asked_for_the_real_classes(splits):
    model = GCGen("GCPolicy", "GCGen-Digits-v0", condition="label", seed=0)
    result = evaluate_samples(model, *splits, num=100)
    assert result.scores[-1].name == "samples of their classes"


def test_the_command_writes_figures_and_a_page(tmp_path, capsys):
    model = GCGen("GCPolicy", "GCGen-Digits-v0", s_agent="pretrained", condition=None, seed=0)
    model.save(tmp_path / "model.gcgen")
    words = ["evaluate", "--model", str(tmp_path / "model.gcgen"), "--num-images", "40"]
    words += ["--paths", "1", "--full", "--samples", "60", "--page", str(tmp_path / "page.html")]
    noise = np.random.default_rng(0).random((80, 1, 8, 8), np.float32)
    np.save(tmp_path / "noise.npy", noise)
    words += ["--beside", str(tmp_path / "noise.npy")]
    assert main([*words, "--json", str(tmp_path / "figures.json")]) == 0
    assert "coverage" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "-ELBO" in page and "Noise." in page
    sets = json.loads((tmp_path / "figures.json").read_text())["sets"]
    assert sets["noise"]["num_images"] == 60  # as many as the others
    assert sets["noise"]["fid"] > 10 * sets["samples"]["fid"]


def test_files_beside_that_cannot_be_read_are_named(tmp_path, capfd):
    model = GCGen("GCPolicy", "GCGen-Digits-v0", s_agent="pretrained", seed=0)
    model.save(tmp_path / "model.gcgen")
    np.save(tmp_path / "flat.npy", np.zeros((80, 3, 8, 8), np.float32))
    words = ["evaluate", "--model", str(tmp_path / "model.gcgen"), "--full", "--beside"]
    for name, found in (("none.npy", "No such file"), ("flat.npy", "flat.npy: images must have")):
        assert main([*words, str(tmp_path / name)]) == 2
        message = capfd.readouterr().err
        assert found in message and name in message


def test_samples_of_other_models_are_judged_in_the_same_numbers(splits):
    real = choose_sets(*splits, num=60).real
    images = splits[0].take(range(59))
    with pytest.raises(ValueError, match=r"'vae' must hold 60 images of shape .* as many as the"):
        take_as_many({"vae": images}, real)
    with pytest.raises(ValueError, match="must hold 60 images"):
        take_as_many({"vae": splits[0].take(range(60))[:, :, :4]}, real)
    with pytest.raises(ValueError, match="cannot be called 'samples'"):
        take_as_many({"samples": images}, real)
