import sys

import pytest

from agents.cli.main import main
from agents.cli.run_folder import RunFolder
from agents.gcgen import GCGen
from gcgen_env.storage import load_container, save_container
from tests.agents.cli.conftest import TINY, train


def test_a_missing_library_is_reported_before_anything_is_written(tmp_path, fails, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    message = fails("train", "--out", tmp_path / "run", "--track", "wandb", *TINY)
    assert "needs the library wandb: pip install 'gcgen[wandb]'" in message
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_goes_on_without_the_library(tmp_path, monkeypatch):
    folder = train(tmp_path / "run", "--timesteps", "128").folder
    document, tensors = load_container(folder.model, "gcgen")
    document["run"]["settings"]["track"] = "mlflow"
    save_container(folder.model, "gcgen", document, tensors)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.warns(RuntimeWarning, match="needs the library mlflow.*; the run goes on without"):
        assert main(["train", "--resume", str(folder.path), "--timesteps", "256"]) == 0
    assert GCGen.load(folder.model).num_timesteps == 256


def test_a_run_of_an_earlier_version_has_no_tracker(finished, tmp_path):
    document, tensors = load_container(finished.folder.model, "gcgen")
    del document["run"]["tracked_as"], document["run"]["settings"]["track"]
    (tmp_path / "run").mkdir()
    save_container(tmp_path / "run" / "model.gcgen", "gcgen", document, tensors)
    assert RunFolder(tmp_path / "run").read().tracked_as is None
    assert main(["train", "--resume", str(tmp_path / "run")]) == 0
