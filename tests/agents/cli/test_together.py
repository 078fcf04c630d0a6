"""Commands whose work several processes share: the same files, and one voice."""

import json

import numpy as np

from agents.cli import together
from agents.cli.main import main
from gcgen_env.model.pretrained import pretrained_path
from tests.agents.cli.ranked import run

DIGITS = str(pretrained_path("digits"))


def check(words, out):
    """Run a command in one process and in two; compare what is printed and written."""
    written = {}
    for size in (1, 2):
        path = out.with_name(f"{size}{out.name}")
        done = run(*words(path), size=size)
        assert [code for code, *_ in done] == [0] * size, done
        assert done[1:] in ([], [(0, "", "")])  # the others print nothing
        written[size] = (path.read_bytes(), done[0][1].replace(path.name, out.name))
    return written


def test_samples_are_those_of_one_process(tmp_path):
    def words(path):
        return ("sample", "--model", DIGITS, "--num", "2000", "--out", path)

    one, two = check(words, tmp_path / "a.npy").values()
    assert one == two
    assert len(np.load(tmp_path / "2a.npy")) == 2000


def test_bounds_are_those_of_one_process(finished, tmp_path):
    folder = finished.folder.path

    def words(path):
        return (
            "evaluate",
            "--model",
            folder,
            "--num-images",
            "300",
            "--paths",
            "1",
            "--json",
            path,
        )

    one, two = (json.loads(text) for text, _ in check(words, tmp_path / "b.json").values())
    assert one["bounds"]["-ELBO"]["nll"] == two["bounds"]["-ELBO"]["nll"]


def test_a_mistake_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(together, "_FAREWELL", 0.1)
    done = run("sample", "--model", tmp_path / "missing", "--out", tmp_path / "c.npy")
    assert [code for code, *_ in done] == [2, 2]
    assert done[0][2].startswith("gcgen: no saved file") and done[0][2].count("\n") == 1
    assert not (tmp_path / "c.npy").exists()


def test_the_number_of_processes_is_named_once(monkeypatch, capsys):
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "1",
        "MASTER_ADDR": "a",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert main(["sample", "--model", DIGITS, "--processes", "3"]) == 2
    assert "--processes 3 and 1 of torchrun" in capsys.readouterr().err
