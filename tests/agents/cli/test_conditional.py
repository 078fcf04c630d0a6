"""`--condition label` and `--label` on the command line."""

import json

import numpy as np
import pytest

from agents.cli.main import main
from tests.agents.cli.conftest import train


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """A run of 2,048 timesteps with labels."""
    out = tmp_path_factory.mktemp("conditional") / "digits"
    return train(out, "--timesteps", "2048", "--condition", "label").folder


@pytest.mark.parametrize("kind", ["model", "s_agent"])
def test_images_of_a_class(conditional, tmp_path, kind):
    for name, label in (("seven", ["--label", "7"]), ("any", [])):
        words = ["sample", "--model", str(getattr(conditional, kind)), "--num", "5", *label]
        assert main([*words, "--out", str(tmp_path / f"{name}.npy")]) == 0
    seven, other = (np.load(tmp_path / f"{name}.npy") for name in ("seven", "any"))
    assert np.abs(seven - other).max() > 1e-4


def test_the_bound_is_reported_with_and_without_the_class(conditional, tmp_path, capsys):
    words = ["evaluate", "--model", str(conditional.path), "--num-images", "30", "--paths", "1"]
    assert main([*words, "--json", str(tmp_path / "figures.json")]) == 0
    assert list(json.loads((tmp_path / "figures.json").read_text())["bounds"]) == [
        "-ELBO",
        "-ELBO | class",
    ]
    assert "-ELBO | class" in capsys.readouterr().out


def test_wrong_labels_and_options(conditional, finished, fails, tmp_path):
    out = tmp_path / "x.npy"
    message = fails("sample", "--model", conditional.model, "--label", "10", "--out", out)
    assert "label must be an integer in [0, 10), got 10" in message
    message = fails("sample", "--model", finished.folder.model, "--label", "1", "--out", out)
    assert "needs a conditional S-agent" in message
    options = ("--env", "GCGen-Toy2D-v0", "--condition", "label", "--out", tmp_path / "toy")
    assert "the data set two_moons has none" in fails("train", *options)
    message = fails("evaluate", "--model", finished.folder.model, "--page", tmp_path / "a.html")
    assert "--page shows the figures of --full: add --full" in message
    message = fails("evaluate", "--model", finished.folder.model, "--beside", tmp_path)
    assert "--beside is judged by --full: add --full" in message
