"""The comparison of models: trials that resume, the tables, bits, and the autoencoder."""

import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from agents.cli.models import load_sampler
from benchmarks.ablation.vae import VAESizes
from benchmarks.compare import __main__ as compare
from benchmarks.compare import contenders, settings, trial, tune
from benchmarks.compare.contenders import NAMES
from benchmarks.compare.conv_vae import ConvVAE
from benchmarks.compare.picture import GAP, TITLE_HEIGHT, draw_comparison
from benchmarks.compare.quality import read_samples, write_samples
from benchmarks.compare.report import read_results
from benchmarks.trials import folder_of
from gcgen_env import EnvConfig
from gcgen_env.datasets import find_dataset
from gcgen_env.model.build import open_data
from gcgen_env.tasks import ENV_CONFIGS

U_NET = {"channels": (8, 16), "patch": 2, "learning_rate": 2e-3, "batch_size": 8}
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
    for name, setting in {"vae": SIZES._asdict(), "diffusion": U_NET, "flow": U_NET}.items():
        monkeypatch.setitem(settings.ON_OTHER_DATA, name, setting)
    monkeypatch.setattr(trial, "SHEET", 8)


def tiny(squares, out, **changes):
    sizes = {"num_proposals": 4, "horizon": 3, "minutes": 1e-3, "num_images": 8, "num_samples": 10}
    return compare.main(str(squares), out=out, **{**sizes, **changes})


@pytest.mark.extra
def test_the_comparison_writes_tables_sheets_and_a_picture(squares, tmp_path, capsys):
    out = tmp_path / "out"
    assert tiny(squares, out) == 0
    assert "bits/dim" in capsys.readouterr().out
    assert tiny(squares, out, seeds=(0, 1), variants=("vae",)) == 0
    results = read_results(out, NAMES, (0, 1))
    saved = json.loads((out / "results.json").read_text())
    assert saved["models"] == {"vae": results["vae"]}
    assert [len(rows) for rows in results.values()] == [1, 1, 2, 1, 1]
    for name, rows in results.items():
        for row in rows:
            assert row["images_seen"] > 0 and row["seconds"] > 0 and row["sampling_ms"] > 0
            assert row["samples"]["images"] == 10 and row["samples"]["nearest"] > 0
            assert row["samples"]["fid"] > 0 and 0 <= row["samples"]["coverage"] <= 1
            check_codes(row["codes"], name)
    hard = 3 * math.log(4)  # every code of DDN's rule is as probable
    assert results["ddn"][0]["codes"]["test"]["divergence"] == pytest.approx(hard)
    table = (out / "table.md").read_text()
    assert table.count("\n| ") == 3 + 4  # codes of one model; samples of real images, too
    assert "10 samples of each model" in table and "random network" in table
    assert "| real images | 1 | - | - |" in table
    assert re.search(r"\| vae \| 2 \| [\d,]+ ± \d", table)
    for name in results:
        assert (folder_of(out, name, 0) / "samples.png").stat().st_size > 1000
    assert np.asarray(Image.open(out / "comparison.png")).shape[0] > 50
    model = load_sampler(folder_of(out, "ddn", 0) / "model.gcgen", "cpu")
    assert model.sample(2, seed=0).shape == (2, 3, 10, 10)


def check_codes(codes, name):
    """Diffusion and flow matching have no codes here; the others agree with themselves."""
    if name in ("diffusion", "flow"):
        assert codes is None
        return
    test = codes["test"]
    assert test["psnr"] == pytest.approx(-10 * math.log10(test["mse"]))
    assert test["nll"] == pytest.approx(test["reconstruction"] + test["divergence"])
    assert 0 < test["bits_per_dim"] < 9 and codes["sigma"] > 0


@pytest.mark.extra
def test_an_interrupted_comparison_resumes(squares, tmp_path, monkeypatch, capsys):
    def run_trial(variant, seed, *rest):
        calls.append(variant.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        original(variant, seed, *rest)

    calls, original = [], compare.run_trial
    monkeypatch.setattr(compare, "run_trial", run_trial)
    three = {"variants": ("gcgen", "vae", "flow")}
    assert tiny(squares, tmp_path / "out", **three) == compare.INTERRUPTED
    captured = capsys.readouterr()
    assert "stopped; the same command continues with this model" in captured.err
    assert "gcgen" in captured.out  # the table of what is finished
    (tmp_path / "out" / "gcgen-0" / "scores.json").unlink()  # stopped while samples were judged
    assert tiny(squares, tmp_path / "out", **three) == 0
    assert calls == ["gcgen", "vae", "vae", "flow"]
    assert (tmp_path / "out" / "gcgen-0" / "scores.json").is_file()
    with pytest.raises(ValueError, match="pass another --out"):
        tiny(squares, tmp_path / "out", horizon=2)


def test_a_wrong_option_is_answered_in_one_sentence(squares):
    command = [sys.executable, "-m", "benchmarks.compare", "--data", str(squares)]
    done = subprocess.run([*command, "--variants", "gan"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: no variant matches 'gan'")
    assert done.stderr.count("\n") == 1


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(contenders, "find_spec", lambda name: None)
    contenders.check_packages(["gcgen", "vae"])
    with pytest.raises(ImportError, match=r"flow need diffusers: pip install -e '.\[compare\]'"):
        contenders.check_packages(["vae", "flow"])


def test_sizes_follow_from_the_images(squares, tmp_path):
    config, data = compare.make_task(str(squares), 32, None, None)
    num_proposals = max(len(data.split("train")), 32)
    assert (config.num_proposals, config.horizon) == (num_proposals, 64)
    config, _ = compare.make_task("digits", None, None, 3)
    assert (config.num_proposals, config.horizon, config.likelihood) == (16, 3, "bernoulli")
    with pytest.raises(ValueError, match="--data must name images, and two_moons holds points"):
        compare.make_task("two_moons", None, None, None)
    with pytest.raises(ValueError, match="no variant matches 'gan'; the variants are gcgen, ddn"):
        tiny(squares, tmp_path, variants=("gan",))


def test_settings_are_tried_ones_and_their_sizes_can_be_replaced():
    for name in NAMES:
        assert settings.ON_MNIST[name] in settings.TRIED[name]
    assert {len(tried) for tried in settings.TRIED.values()} == {2}  # the same for every model
    for in_basis in (False, True):
        assert set(settings.find_settings("photos", in_basis)) == set(NAMES)
    config = ENV_CONFIGS["GCGen-MNIST-v0"]
    sizes = {"num_proposals": 8, "horizon": None}
    variant = compare.make_chosen("gcgen", config, "mnist", False, sizes, ())
    chosen = settings.ON_MNIST["gcgen"]["horizon"]
    assert variant.options == {**settings.ON_MNIST["gcgen"], "num_proposals": 8, "horizon": chosen}
    vae = compare.make_chosen("vae", config, "mnist", False, sizes, ())
    assert vae.options == settings.ON_MNIST["vae"]


def test_ddn_has_the_basis_of_the_default(squares):
    config, _ = compare.make_task(str(squares), 32, 4, 3)
    default, ddn = (
        compare.make_chosen(name, config, str(squares), True, {}, ()).make(0).model
        for name in ("gcgen", "ddn")
    )
    size = default.s_agent.basis.size  # codebooks keep the components that they have bits for
    pair = [each.s_agent.basis for each in (ddn, default)]
    torch.testing.assert_close(pair[0].scale[:size], pair[1].scale, rtol=0.05, atol=0)
    cosines = (pair[0].vectors[:2] * pair[1].vectors[:2]).sum(1).abs()
    assert cosines.min() > 0.99
    assert ddn.s_agent.network.config.uniform_prior
    assert ddn.policy.selection.hard


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


@pytest.mark.extra
@pytest.mark.skipif(find_dataset("mnist") is None, reason="MNIST's files are not here")
def test_the_setting_with_the_nearest_samples_is_chosen(tmp_path, monkeypatch, capsys):
    small = {**SIZES._asdict(), "grey_goals": True}
    tried = {name: () for name in NAMES} | {"vae": (small, {**small, "latents": 2})}
    monkeypatch.setattr(tune, "TRIED", tried)
    options = {"minutes": 1e-3, "variants": ("vae",), "num_samples": 100, "out": tmp_path}
    tune.main(**options)
    table = capsys.readouterr().out
    results = [json.loads((tmp_path / f"vae-{i}-0" / "result.json").read_text()) for i in (0, 1)]
    best = min(range(2), key=lambda number: results[number]["fid"])
    rows = [line for line in table.splitlines() if line.startswith("| vae")]
    assert [row.endswith("| yes |") for row in rows] == [number == best for number in range(2)]
    assert (tmp_path / "table.md").read_text() == table
    tune.main(**options)  # nothing is trained again
    assert capsys.readouterr().err == ""
    with pytest.raises(ValueError, match="pass another --out"):
        tune.main(**{**options, "minutes": 1e-4})


def test_the_picture_has_a_block_for_each_finished_model(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("real", "gcgen-0", "vae-0", "flow-0"):
        write_samples(tmp_path / folder, rng.random((70, 1, 6, 5), np.float32))
    draw_comparison(tmp_path, ["gcgen", "ddn", "vae", "flow"], 0)  # ddn is not finished
    picture = np.asarray(Image.open(tmp_path / "comparison.png"))
    height, width = 8 * (6 + 2) + 2 + TITLE_HEIGHT, 8 * (5 + 2) + 2 + GAP
    assert picture.shape == (2 * height, 3 * width, 3)
    samples = read_samples(tmp_path / "flow-0")
    first = picture[height + TITLE_HEIGHT + 2 :, 2:][:6, :5, 0]  # of the fourth block
    np.testing.assert_array_equal(first, np.rint(255 * samples[0, 0]))
