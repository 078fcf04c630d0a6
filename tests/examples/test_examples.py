"""Every example runs, with a budget of seconds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from agents import GCGen
from examples import (
    benchmark_agent,
    demo,
    environment,
    guide,
    own_images,
    ppo_single_file,
    stock_sb3,
)
from gcgen_env.datasets import load_dataset

FOLDER = Path(demo.__file__).parent


def test_demo(tmp_path, capsys):
    model = demo.main(minutes=0.01, out=tmp_path)
    output = capsys.readouterr().out
    assert "test bound before: -ELBO" in output
    assert "test bound after:  -ELBO" in output
    goals = load_dataset("digits", "test").take([0])
    assert f"code of the first test digit: {model.encode(goals)[0].tolist()}" in output
    pictures = {"samples.png", "trajectory.png", "reconstructions.png"}
    names = {"model.gcgen", "s_agent.safetensors", "tb", *pictures}
    assert {path.name for path in tmp_path.iterdir()} == names
    with Image.open(tmp_path / "samples.png") as image:
        assert image.size == (8 * 84 + 4, 8 * 84 + 4)


def test_ctrl_c_ends_the_demo_early(tmp_path, capsys, monkeypatch):
    def learn(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(GCGen, "learn", learn)
    assert isinstance(demo.main(out=tmp_path), GCGen)
    assert "training ended early" in capsys.readouterr().out
    assert (tmp_path / "reconstructions.png").is_file()


def test_environment(tmp_path, capsys):
    first, second = (environment.main(out=tmp_path / "frame.png") for _ in range(2))
    assert first == second
    assert f"return {first:.1f} nats" in capsys.readouterr().out
    with Image.open(tmp_path / "frame.png") as image:
        assert min(image.size) > 300


def test_own_images_are_discs_unless_a_folder_is_named(tmp_path, capsys):
    model = own_images.main(minutes=1e-3, out=tmp_path)
    assert model.chain.shape == (3, 16, 16)
    assert len(list((tmp_path / "discs").iterdir())) == 500
    assert "'train': " in capsys.readouterr().out
    assert (tmp_path / "samples.png").is_file() and (tmp_path / "reconstructions.png").is_file()


def test_own_images_of_a_folder(tmp_path, capsys, monkeypatch):
    def learn(self, *args, **kwargs):
        raise KeyboardInterrupt

    photo = Image.fromarray(load_sample_image("china.jpg"))
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for i in range(24):
        name = f"more/{i}.png" if i % 2 else f"{i}.png"
        photo.crop((20 * i, 10 * i, 20 * i + 40, 10 * i + 36)).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "empty.png").touch()
    monkeypatch.setattr(GCGen, "learn", learn)
    model = own_images.main(tmp_path / "photos", out=tmp_path)
    assert model.chain.shape == (3, 32, 32)  # a size that suits pictures of 40x36
    assert (model.s_agent.network.num_proposals, model.chain.horizon) == (32, 64)
    output = capsys.readouterr().out
    assert "{'train': 15, 'validation': 3, 'test': 6} 1 files cannot be read" in output
    assert "see samples.png" in output
    loaded = GCGen.load(tmp_path / "model.gcgen")
    np.testing.assert_array_equal(loaded.sample(2, seed=0), model.sample(2, seed=0))
    assert (tmp_path / "samples.png").is_file() and (tmp_path / "reconstructions.png").is_file()


def test_stock_sb3(capsys):
    returns = stock_sb3.main(timesteps=64, n_steps=32)
    assert np.isfinite(returns).all()
    assert "MaskablePPO: return" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short_and_tested(path):
    tests = "".join(test.read_text() for test in Path(__file__).parent.glob("*.py"))
    assert path.stem == "__init__" or f"{path.stem}.main(" in tests
    limit = 200 if path.stem == "ppo_single_file" else 60
    assert len(path.read_text().splitlines()) <= limit


def test_benchmark_agent(tmp_path, capsys):
    benchmark_agent.main(timesteps=2048, out=tmp_path)
    score = float(capsys.readouterr().out.removeprefix("score "))
    assert -6 < score < 1  # always the first proposal: -6.5


def test_ppo_single_file(capsys):
    args = ppo_single_file.Args(total_timesteps=256, num_envs=2, num_steps=32)
    first, second = (ppo_single_file.main(args) for _ in range(2))
    assert first == second  # the seed reproduces the run
    assert f"256 steps, return {first:.1f} nats" in capsys.readouterr().out


def test_guide(tmp_path, capsys):
    first, second = (guide.main(out=tmp_path / "guided.png", num=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (3, 3, 1, 8, 8)
    assert capsys.readouterr().out.count("scored images, guidance=") == 6
    assert (tmp_path / "guided.png").is_file()
