import os

import numpy as np
import pytest
from PIL import Image

from agents import SAgent
from agents.cards.card import FILES
from agents.cli.main import main
from gcgen_env.atomic_files import write_bytes
from gcgen_env.storage import load_container, save_container


def export(run, card, *options):
    return main(["export", "--run-folder", str(run), "--card", str(card), *options])


@pytest.fixture(scope="module")
def card(finished, tmp_path_factory):
    """The folder of a card; not to be changed."""
    folder = tmp_path_factory.mktemp("cards") / "digits-card"
    assert export(finished.folder.path, folder, "--author", "A. Person") == 0
    return folder


def test_the_folder_holds_the_model_and_what_one_must_know(card):
    assert sorted(os.listdir(card)) == sorted(FILES)
    text = (card / "README.md").read_text(encoding="utf-8")
    assert text.startswith('---\nlicense: "mit"\n')
    assert "\n# digits-card\n" in text
    assert "1,257 training items of `digits`" in text
    assert "| `env` | GCGen-Digits-v0 |" in text
    assert "not evaluated" not in text
    nats = SAgent.load(card).metadata["bound_nats"]
    assert f"| -ELBO | {nats:.2f} ± " in text
    licence = (card / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith("MIT License\n\nCopyright (c) 2") and "A. Person" in licence
    for name in ("samples.png", "drawing.gif", "trajectories.png", "reconstructions.png"):
        assert f"({name})" in text
        with Image.open(card / name) as picture:
            assert min(picture.size) > 100


def test_it_is_loaded_by_its_path(card, tmp_path):
    out = tmp_path / "samples.npy"
    assert main(["sample", "--model", str(card), "--num", "5", "--out", str(out)]) == 0
    np.testing.assert_array_equal(np.load(out), SAgent.load(card).sample(5, seed=0))


def test_a_command_that_needs_both_agents_says_so(card, fails):
    assert "holds an S-agent alone" in fails("evaluate", "--model", card)


def test_other_files_are_never_replaced(finished, tmp_path, fails):
    run, folder = finished.folder.path, tmp_path / "card"
    write_bytes(folder / "mine.txt", b"mine")
    for flags in ([], ["--overwrite"]):
        words = ["export", "--run-folder", run, "--card", folder, *flags]
        assert "it holds mine.txt, which belongs to no card" in fails(*words)
    assert os.listdir(folder) == ["mine.txt"]
    assert "belongs to no card" in fails("export", "--run-folder", run, "--card", run)
    nested = folder / "mine.txt" / "card"
    assert "is a file, not a folder" in fails("export", "--run-folder", run, "--card", nested)


def test_a_card_is_replaced_on_request(card, finished, tmp_path, fails):
    folder = tmp_path / "card"
    write_bytes(folder / "README.md", b"old")
    write_bytes(tmp_path / "terms", b"my terms")
    words = ["export", "--run-folder", finished.folder.path, "--card", folder]
    assert "already holds a card: replace it with --overwrite" in fails(*words)
    flags = ("--overwrite", "--license", "other", "--license-file", str(tmp_path / "terms"))
    assert export(finished.folder.path, folder, *flags) == 0
    assert (folder / "LICENSE").read_text() == "my terms"
    assert (folder / "README.md").read_text(encoding="utf-8").startswith('---\nlicense: "other"\n')
    assert sorted(os.listdir(tmp_path)) == ["card", "terms"]  # nothing temporary is left


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--card", "c", "--license", "cc0-1.0"), "needs its text: add --license-file"),
        (("--card", "c", "--license-file", "none"), "No such file"),
        (("--card", "c", "--out", "a.safetensors"), "leave out --out"),
        (("--card", "."), "the one you are in"),
        (("--author", "A. Person"), "belong to --card FOLDER"),
    ],
)
def test_wrong_options(options, message, finished, fails, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in fails("export", "--run-folder", finished.folder.path, *options)
    assert os.listdir(tmp_path) == []


def test_without_the_data_figures_are_marked(finished, tmp_path, capsys):
    document, tensors = load_container(finished.folder.model, "gcgen")
    document["env_config"]["dataset"] = str(tmp_path / "gone" / "photos.npz")
    save_container(tmp_path / "run" / "model.gcgen", "gcgen", document, tensors)
    assert export(tmp_path / "run", tmp_path / "card") == 0
    captured = capsys.readouterr()
    assert "the figures are marked as not evaluated: there is no" in captured.err
    text = (tmp_path / "card" / "README.md").read_text(encoding="utf-8")
    assert "| -ELBO | not evaluated |" in text
    assert "`photos.npz`" in text and "gone" not in text
    assert "reconstructions.png" not in os.listdir(tmp_path / "card")
    assert "bound_nats" not in SAgent.load(tmp_path / "card").metadata
