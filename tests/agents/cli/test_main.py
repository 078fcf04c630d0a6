import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from agents.cli.commands import SUMMARIES, load_command
from agents.cli.info import Info
from agents.cli.main import main
from tests.agents.cli.conftest import TINY


def test_help_lists_the_commands(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    output = capsys.readouterr().out
    for command, summary in SUMMARIES.items():
        assert re.search(rf"^  {command} +{re.escape(summary)}$", output, re.MULTILINE)


@pytest.mark.parametrize("command", SUMMARIES)
def test_the_summary_is_what_the_command_says_of_itself(command):
    first = load_command(command).__doc__.splitlines()[0]
    assert first.startswith(SUMMARIES[command].removesuffix("."))


@pytest.mark.parametrize("command", [name for name in SUMMARIES if name != "completion"])
def test_every_option_of_a_command_is_explained(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    options = re.split(r"\n\W*--(?=\w)", capsys.readouterr().out)[1:]
    assert options
    for option in options:
        words = [word for word in option.split() if word.isalpha()]
        assert len(words) >= 2, f"{command} --{option}"


def test_help_of_train_has_the_groups_of_hyperparameters(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    output = capsys.readouterr().out
    for option in ("--look-ahead", "--learning-rate", "--num-proposals", "--width", "--resume"):
        assert option in output


@pytest.mark.parametrize(
    "argv",
    [
        ["train", "--minutes", "soon"],
        ["train", "--lr-schedule", "step"],
        ["sample"],
        ["evaluate", "--model", "m", "--split", "exam"],
        ["draw"],
    ],
)
def test_a_word_that_cannot_be_read_ends_with_code_2(argv, capsys):
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    captured = capsys.readouterr()
    assert captured.err
    assert "Traceback" not in captured.err


def test_a_missing_file_is_one_sentence(fails):
    assert "no saved file at nowhere" in fails("sample", "--model", "nowhere")


def test_a_damaged_file_is_one_sentence(fails, finished, tmp_path):
    damaged = tmp_path / "model.gcgen"
    damaged.write_bytes(finished.folder.model.read_bytes()[:1000])
    for command in ("sample", "reconstruct", "evaluate"):
        assert "damaged" in fails(command, "--model", damaged)


def test_a_pickle_is_not_read(fails, tmp_path):
    pickled = tmp_path / "model.gcgen"
    pickled.write_bytes(b"\x80\x04N.")
    assert "pickles are never read" in fails("sample", "--model", pickled)


@pytest.mark.parametrize("device", ["cuda:99", "abacus", "meta", ""])
def test_an_unknown_device_is_one_sentence(device, fails, finished):
    message = fails("sample", "--model", finished.folder.model, "--device", device)
    assert device in message
    assert "cpu" in message


@pytest.mark.parametrize("seed", [-1, 2**63, 10**20])
@pytest.mark.parametrize("command", ["sample", "evaluate", "export"])
def test_a_seed_that_torch_refuses_is_one_sentence(command, seed, fails, finished):
    option = "--run-folder" if command == "export" else "--model"
    message = fails(command, option, finished.folder.path, "--seed", seed)
    assert f"--seed must be at least 0 and below 2**63, got {seed}" in message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--minutes", "inf"], "--minutes must be positive and finite, got inf"),
        (["--minutes", "nan"], "--minutes must be positive and finite, got nan"),
        (["--gc-width", "-1"], "--gc-width must be at least 1, got -1"),
        (["--out", "x/" * 2000], "is a path of over 300 folders"),
    ],
    ids=["inf", "nan", "width", "deep"],
)
def test_an_impossible_training_is_one_sentence(words, message, fails, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in fails("train", *TINY, *words)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_place_is_one_sentence(fails, finished, tmp_path):
    (tmp_path / "file").touch()
    inside = tmp_path / "file" / "samples"
    for suffix in (".png", ".npy"):
        out = inside.with_suffix(suffix)
        message = fails("sample", "--model", finished.folder.model, "--out", out)
        assert str(out) in message


def test_missing_data_is_one_sentence(fails, tmp_path):
    message = fails("train", "--env", "GCGen-Images-v0", "--out", tmp_path / "run")
    assert "dataset= is required" in message
    message = fails("train", "--dataset", tmp_path / "none.npy", "--out", tmp_path / "run")
    assert "unknown data set" in message
    assert not (tmp_path / "run").exists()


def test_no_data_and_no_network_says_what_to_put_where(tmp_path, monkeypatch, capsys):
    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("gcgen_env.datasets.mnist.download_idx", fail)
    monkeypatch.setattr("gcgen_env.datasets.mnist.cache_root", lambda: tmp_path)
    monkeypatch.setattr("gcgen_env.datasets.locations.cache_root", lambda: tmp_path)
    options = ["--data-dir", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    assert main(["train", "--env", "GCGen-MNIST-v0", *options]) == 2
    message = capsys.readouterr().err
    assert message.startswith("gcgen: MNIST was not found")
    assert str(tmp_path / "data") in message
    assert "no network" in message
    assert "Traceback" not in message


@pytest.mark.parametrize("error", [ValueError, TypeError, RuntimeError])
def test_a_bug_keeps_its_traceback(error, monkeypatch):
    def fail(self):
        raise error("a bug")

    monkeypatch.setattr(Info, "run", fail)
    with pytest.raises(error, match="a bug"):
        main(["info"])


def test_an_error_of_torch_in_training_keeps_its_traceback(monkeypatch, tmp_path):
    def fail(*_):
        torch.distributions.Bernoulli(probs=torch.tensor(2.0))

    monkeypatch.setattr("agents.gcgen.updates.s_agent_loss", fail)
    with pytest.raises(ValueError, match="Expected parameter probs"):
        main(["train", "--out", str(tmp_path / "run"), *TINY, "--timesteps", "128"])


def test_a_diverged_training_is_one_sentence(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "agents.gcgen.updates.s_agent_loss",
        lambda *_: torch.tensor(float("nan"), requires_grad=True),
    )
    options = ["train", "--out", tmp_path / "run", *TINY, "--timesteps", "128"]
    assert main(list(map(str, options))) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("lower learning_rate; the last checkpoint is not affected")
    assert (tmp_path / "run" / "model.gcgen").is_file()


def test_ctrl_c_ends_with_code_130(monkeypatch, capsys):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Info, "run", interrupt)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "gcgen: interrupted\n"


def test_it_runs_as_a_module():
    words = [sys.executable, "-m", "agents.cli.main", "sample", "--model", "nowhere"]
    root = Path(__file__).parents[3]
    done = subprocess.run(words, capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 2
    assert done.stderr == "gcgen: no saved file at nowhere\n"
