"""The comparison of images: trials that resume, the table, bits, and the autoencoder."""

import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from agents.cli.models import load_sampler
from benchmarks.ablation.vae import VAESizes
from benchmarks.images import __main__ as images
from benchmarks.images import contenders, trial
from benchmarks.images.contenders import list_variants
from benchmarks.images.conv_vae import ConvVAE
from benchmarks.images.report import read_results
from benchmarks.trials import folder_of
from gcgen_env import EnvConfig
from gcgen_env.model.build import open_data

SIZES = VAESizes(hidden=16, latents=4, learning_rate=3e-3, batch_size=32)


@pytest.fixture(autouse=True)
def keep_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def squares(tmp_path):
    """A file of 100 images, 10x10 in colour: bright squares at random places."""
    rng = np.random.default_rng(0)
    pictures = np.zeros((100, 10, 10, 3), np.uint8)
    for picture, (y, x) in zip(pictures, rng.integers(6, size=(100, 2)), strict=True):
        picture[y : y + 4, x : x + 4] = rng.integers(100, 256, 3)
    np.save(tmp_path / "squares.npy", pictures)
    return tmp_path / "squares.npy"


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    monkeypatch.setattr(contenders, "VAE", SIZES)
    monkeypatch.setattr(trial, "SHEET", 8)
    monkeypatch.setattr(trial, "TIMED_SAMPLES", 8)


def tiny(squares, out, **changes):
    sizes = {"num_proposals": 4, "horizon": 3, "minutes": 1e-3, "num_images": 8}
    return images.main(str(squares), out=out, **{**sizes, **changes})


def test_the_comparison_writes_tables_and_sheets(squares, tmp_path, capsys):
    out = tmp_path / "out"
    assert tiny(squares, out) == 0
    assert "bits/dim" in capsys.readouterr().out
    assert tiny(squares, out, seeds=(0, 1), variants=("vae",)) == 0
    results = read_results(out, ["gcgen", "ddn", "vae"], (0, 1))
    assert json.loads((out / "results.json").read_text()) == {"vae": results["vae"]}
    assert [len(rows) for rows in results.values()] == [1, 1, 2]
    for rows in results.values():
        for row in rows:
            test = row["test"]
            assert test["psnr"] == pytest.approx(-10 * math.log10(test["mse"]))
            assert test["nll"] == pytest.approx(test["reconstruction"] + test["divergence"])
            assert 0 < test["bits_per_dim"] < 9 and row["sigma"] > 0
            assert row["images_seen"] > 0 and row["seconds"] > 0 and row["sampling_ms"] > 0
    hard = 3 * math.log(4)  # every code of DDN's rule is as probable
    assert results["ddn"][0]["test"]["divergence"] == pytest.approx(hard)
    table = (out / "table.md").read_text()
    assert table.count("\n| ") == 2 + 1
    assert "A = 4, H = 3; 8 test, 8 train images" in table
    assert re.search(r"\| vae \| 2 \| [\d,]+ ± \d", table)
    for name in results:
        for sheet in ("samples.png", "reconstructions.png"):
            assert (folder_of(out, name, 0) / sheet).stat().st_size > 1000
    model = load_sampler(folder_of(out, "ddn", 0) / "model.gcgen", "cpu")
    assert model.sample(2, seed=0).shape == (2, 3, 10, 10)


def test_an_interrupted_comparison_resumes(squares, tmp_path, monkeypatch, capsys):
    def run_trial(variant, seed, *rest):
        calls.append(variant.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        original(variant, seed, *rest)

    calls, original = [], images.run_trial
    monkeypatch.setattr(images, "run_trial", run_trial)
    assert tiny(squares, tmp_path / "out") == images.INTERRUPTED
    captured = capsys.readouterr()
    assert "stopped; the same command continues with this model" in captured.err
    assert "gcgen" in captured.out  # the table of what is finished
    assert tiny(squares, tmp_path / "out") == 0
    assert calls == ["gcgen", "ddn", "ddn", "vae"]
    with pytest.raises(ValueError, match="pass another --out"):
        tiny(squares, tmp_path / "out", horizon=2)


def test_a_wrong_option_is_answered_in_one_sentence(squares):
    command = [sys.executable, "-m", "benchmarks.images", "--data", str(squares)]
    done = subprocess.run([*command, "--variants", "gan"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: no variant matches 'gan'")
    assert done.stderr.count("\n") == 1


def test_sizes_follow_from_the_images(squares, tmp_path):
    config, _ = images.make_task(str(squares), 32, None, None)
    assert (config.num_proposals, config.horizon) == (512, 40)
    with pytest.raises(ValueError, match="--data must name images, and two_moons holds points"):
        images.make_task("two_moons", None, None, None)
    with pytest.raises(ValueError, match="no variant matches 'gan'; the variants are gcgen, ddn"):
        tiny(squares, tmp_path, variants=("gan",))


def test_ddn_has_the_basis_of_the_default(squares):
    config, _ = images.make_task(str(squares), 32, 4, 3)
    default, ddn, _ = (variant.make(0) for variant in list_variants(config))
    assert default.model.s_agent.basis is not None
    assert ddn.model.s_agent.basis.size == default.model.s_agent.basis.size
    assert ddn.model.policy.selection.hard


def test_the_bits_of_the_autoencoder_are_those_of_its_density(squares):
    """Cells of bytes are narrow for sigma = 0.1, and no mean is near black or white."""
    config = EnvConfig(dataset=str(squares))
    model = ConvVAE(config, SIZES, seed=0)
    goals = np.full((4, 3, 10, 10), 128 / 255, np.float32)
    report = model.evaluate_nll(goals, 3)
    nats = report.nll + 300 * math.log(255)
    assert report.bits_per_dim == pytest.approx(nats / 300 / math.log(2), abs=1e-2)
    assert model.evaluate_nll(goals + 0.3 / 255).bits_per_dim is None  # no bytes


def test_sigma_is_fitted_to_the_validation_images(squares):
    model = ConvVAE(EnvConfig(dataset=str(squares)), SIZES, seed=0)
    images = open_data(EnvConfig(dataset=str(squares))).split("validation").take(np.arange(10))
    before = model.evaluate_nll(images).bits_per_dim
    sigma = model.fit_sigma(images)
    assert model.likelihood.sigma == sigma != 0.1
    assert model.evaluate_nll(images).bits_per_dim < before


@pytest.mark.parametrize("shape", [(1, 20, 24), (3, 16, 16)])
def test_the_convolutional_autoencoder_learns(tmp_path, shape):
    height, width = shape[1:]
    rows, columns = np.mgrid[:height, :width]
    phase = np.random.default_rng(0).random((100, 1, 1, 1))
    waves = np.sin(0.5 * rows + 6 * phase) * np.cos(0.3 * columns)  # (100, 1, height, width)
    np.save(tmp_path / "waves.npy", np.broadcast_to(0.5 + 0.5 * waves, (100, *shape)))
    config = EnvConfig(dataset=str(tmp_path / "waves.npy"))
    model, again = (ConvVAE(config, SIZES, seed=0, augmentations=("colour",)) for _ in range(2))
    test = open_data(config).split("test")
    goals = test.take(np.arange(len(test)))
    before = model.reconstruct(goals)
    for _ in range(2):
        np.testing.assert_array_equal(model.draw_goals(), again.draw_goals())

    def stop():
        if model.updates == 100:  # so that the result does not depend on the machine
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.learn(60.0, stop)
    after = model.reconstruct(goals)
    assert after.shape == goals.shape and after.dtype == np.float32
    assert np.square(after - goals).mean() < 0.6 * np.square(before - goals).mean()
    samples = model.sample(5, seed=0)
    np.testing.assert_array_equal(samples, model.sample(5, seed=0))
    assert samples.shape == (5, *shape) and 0 <= samples.min() <= samples.max() <= 1
