"""Commands whose work several processes share: the same files, and one voice."""

import json
import sys

import numpy as np
import pytest
import torch

from agents.cli import together
from agents.cli.main import main
from agents.distributed.joining import Place
from agents.distributed.ranks import ALONE
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
        options = ("--num-images", "300", "--iw-images", "40", "--paths", "8", "--json", path)
        return ("evaluate", "--model", folder, *options)

    one, two = (json.loads(text) for text, _ in check(words, tmp_path / "b.json").values())
    assert set(one["bounds"]) == {"-ELBO", "IW-8"}
    for name, figures in one["bounds"].items():
        assert figures["nll"] == two["bounds"][name]["nll"]


@pytest.mark.parametrize("options", [(), ("--lossless", "--binarize"), ("--search", "beam")])
def test_codes_are_those_of_one_process(finished, tmp_path, options):
    def words(path):
        return ("compress", "--model", finished.folder.path, "--num", "70", "--out", path, *options)

    one, two = check(words, tmp_path / "c.gcz").values()
    assert one == two


def run_with_others(*words, others):
    """Run a command in two processes, of which the second has its own; return the first error.

    The words differ, as two machines have different files under one name: they are not compared.
    """

    def prepare(rank):
        sys.argv[1:] = ["the same"]
        together._FAREWELL = 0.1

    done = run(*words, others=others, prepare=prepare)
    assert [code for code, *_ in done] == [2, 2], done
    return done[0][2]


def test_another_model_is_refused(tmp_path):
    out = ("--num", "8", "--out", tmp_path / "d.npy")
    other = str(pretrained_path("mnist"))
    found = run_with_others(
        "sample", "--model", DIGITS, *out, others=("sample", "--model", other, *out)
    )
    assert "has model" in found and found.count("\n") == 1
    assert not (tmp_path / "d.npy").exists()


def test_the_first_process_says_what_another_one_lacks(tmp_path):
    out = ("--num", "8", "--out", tmp_path / "e.npy")
    found = run_with_others(
        "sample", "--model", DIGITS, *out, others=("sample", "--model", tmp_path / "f", *out)
    )
    assert found.startswith("gcgen: rank 1 on ") and "cannot take part: no saved file" in found


def test_each_process_has_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    places = [Place(rank, 3, rank, 3, False) for rank in range(3)]
    chosen = [together.Team(ALONE, place).choose_device("auto") for place in places]
    assert chosen == ["cuda:0", "cuda:1", "cuda:0"]
    assert together.Team(ALONE).choose_device("auto") == "auto"


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
