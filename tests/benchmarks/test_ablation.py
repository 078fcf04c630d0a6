"""The ablation: trials that resume, the table, and exact checks of the autoencoders' bounds."""

import itertools
import json

import numpy as np
import pytest
import torch

from benchmarks.ablation import __main__ as ablation
from benchmarks.ablation import trial
from benchmarks.ablation.autoencoders import CategoricalVAE, GaussianVAE
from benchmarks.ablation.report import read_rows
from benchmarks.ablation.vae import VAESizes
from benchmarks.ablation.variants import TUNING, list_variants
from benchmarks.trials import folder_of
from gcgen_env import EnvConfig
from gcgen_env.atomic_files import write_json
from gcgen_env.model.build import open_data
from gcgen_env.tasks import ENV_CONFIGS

DIGITS = ENV_CONFIGS["GCGen-Digits-v0"]
POINTS = ENV_CONFIGS["GCGen-Toy2D-v0"]
SIZES = VAESizes(hidden=16, latents=1, learning_rate=1e-2, batch_size=32)
TINY = {"env": "GCGen-Digits-v0", "minutes": 1e-3, "num_images": 12, "iw_images": 6, "paths": 3}


@pytest.fixture(autouse=True)
def keep_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def three_encoders(monkeypatch):
    monkeypatch.setattr(trial, "ENCODERS", trial.ENCODERS[:3])


def test_the_ablation_writes_a_table_and_a_plot(tmp_path, capsys, three_encoders):
    variants = ("ddn", "ramp", "vae")
    ablation.main(**TINY, variants=variants, seeds=(0, 1), out=tmp_path)
    rows = read_rows(tmp_path, variants, (0, 1))
    assert [row.name for row in rows] == list(variants)
    for row in rows:
        nll, parts = row.values("elbo", "nll"), ("reconstruction", "divergence")
        np.testing.assert_allclose(nll, sum(row.values("elbo", part) for part in parts))
        np.testing.assert_allclose(nll, [arrays["elbo"].mean() for arrays in row.arrays])
        assert (row.values("images_seen") > 0).all() and (row.values("seconds") > 0).all()
    sizes = TUNING[TINY["env"]].ddn
    hard = sizes["horizon"] * np.log(sizes["num_proposals"])
    assert rows[0].values("elbo", "divergence") == pytest.approx(hard)
    difference = rows[0].compare(rows[1]).values
    assert difference.shape == (2, 12)
    assert difference.mean() == pytest.approx(rows[0].nll - rows[1].nll)
    table = (tmp_path / "table.md").read_text()
    assert table.count("\n| ") == 2 + 3 + 2 + 3
    assert "validation images, 12 for -ELBO, 6 for IW-3" in table
    assert "| 5 | two_step 4 |" in table
    assert (tmp_path / "bound.png").stat().st_size > 10_000
    assert "against the default" in capsys.readouterr().out


def test_an_interrupted_ablation_resumes(tmp_path, monkeypatch):
    calls = []

    def run_trial(variant, seed, *rest):
        calls.append((variant.name, seed))
        if len(calls) == 2:
            raise KeyboardInterrupt
        original(variant, seed, *rest)

    original = ablation.run_trial
    monkeypatch.setattr(ablation, "run_trial", run_trial)
    with pytest.raises(KeyboardInterrupt):
        ablation.main(**TINY, variants=("A=1", "vae"), out=tmp_path)
    ablation.main(**TINY, variants=("A=1", "vae"), out=tmp_path)
    assert calls == [("A=1", 0), ("vae", 0), ("vae", 0)]
    first = json.loads((folder_of(tmp_path, "A=1", 0) / "result.json").read_text())
    assert first["variant"] == "A=1" and first["options"]["hidden"] == 200
    write_json(folder_of(tmp_path, "A=1", 0) / "result.json", {**first, "options": {}})
    with pytest.raises(ValueError, match="pass another --out"):
        ablation.main(**TINY, variants=("A=1",), out=tmp_path)
    with pytest.raises(ValueError, match="pass another --out"):
        ablation.main(**{**TINY, "paths": 4}, variants=("vae",), out=tmp_path)


def test_names_are_checked_and_listed(tmp_path, capsys):
    with pytest.raises(ValueError, match="no variant matches 'gan'; the variants are ddn, "):
        ablation.main(variants=("gan",), out=tmp_path)
    ablation.main(variants=("list",))
    names = capsys.readouterr().out.split("\n")
    assert {"ddn", "ramp", "leave_one_out", "categorical vae"} <= set(names)
    folders = {folder_of(tmp_path, name, 0) for name in names}
    assert len(folders) == len(names)


@pytest.mark.parametrize("env", ["GCGen-MNIST-v0", "GCGen-Digits-v0"])
def test_the_grid_keeps_the_product_of_proposals_and_horizon(env):
    config, names = ENV_CONFIGS[env], [variant.name for variant in list_variants(env)]
    sizes = [name.split() for name in names if name.startswith("A=") and "H=" in name]
    assert len(sizes) == 3
    for a, h in sizes:
        assert int(a[2:]) * int(h[2:]) == config.num_proposals * config.horizon


def train(kind, config, updates=200):
    """Train for a number of updates, so that the result does not depend on the machine."""
    model = kind(config, SIZES, seed=0)

    def stop():
        if model.updates == updates:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.learn(60.0, stop)
    return model


def take_images(config, num):
    return open_data(config).split("validation").take(np.arange(num))


def test_the_categorical_bound_against_enumeration():
    config = EnvConfig(dataset="digits", num_proposals=3, horizon=2, likelihood="bernoulli")
    model = train(CategoricalVAE, config)
    model.prior.data.copy_(torch.linspace(-1, 1, model.prior.numel()).view_as(model.prior))
    images = take_images(config, 20)
    goals = torch.from_numpy(model.goals.prepare(images, np.random.default_rng(0)))
    codes = torch.eye(3)[torch.tensor(list(itertools.product(range(3), repeat=2)))]  # (9, 2, 3)
    log_p = (codes * model.prior.log_softmax(-1)).sum((1, 2))
    repeated = codes.flatten(1).unsqueeze(1).expand(9, 20, 6)
    joint = log_p.unsqueeze(1) + model.log_prob(repeated, goals)
    exact = -joint.logsumexp(0).detach().double().numpy()
    loose, tight = (model.evaluate_nll(images, m) for m in (1, 16_384))
    np.testing.assert_allclose(tight.per_image, exact, atol=0.03)
    assert exact.mean() < loose.nll


def test_the_gaussian_bound_against_quadrature():
    model = train(GaussianVAE, POINTS)
    images = take_images(POINTS, 20)
    z = torch.linspace(-8, 8, 4001)
    log_p = -0.5 * z.square() - 0.5 * np.log(2 * np.pi) + (z[1] - z[0]).log()
    codes = z.view(-1, 1, 1).expand(-1, 20, 1)
    joint = log_p.unsqueeze(1) + model.log_prob(codes, torch.from_numpy(images))
    exact = -joint.logsumexp(0).detach().double().numpy()
    loose, tight = (model.evaluate_nll(images, m) for m in (1, 512))
    assert np.median(np.abs(tight.per_image - exact)) < 0.2
    assert exact.mean() < tight.nll + 0.1 < loose.nll + 0.2


@pytest.mark.parametrize("kind", [GaussianVAE, CategoricalVAE])
def test_autoencoders_learn(kind):
    model = kind(DIGITS, SIZES._replace(hidden=64, latents=8), seed=0)
    images = take_images(DIGITS, 100)
    before = model.evaluate_nll(images).nll
    model.learn(0.1, lambda: None)
    assert model.evaluate_nll(images).nll < before - 0.1
    assert model.images_seen == 32 * model.updates
