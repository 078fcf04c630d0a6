"""`gcgen train --config`: the settings of another run, read strictly."""

import json
from dataclasses import asdict

import pytest

from agents.cli.config_file import find_defaults, read_settings
from agents.cli.main import main
from agents.cli.parsing import read_request
from agents.cli.settings import SAgentSettings
from agents.cli.train import Train
from tests.agents.cli.conftest import TINY, train


def write(path, **settings):
    path.write_text(json.dumps({"settings": settings}))
    return path


@pytest.mark.parametrize("name", ["config", "path", "model"])
def test_the_settings_of_a_run_are_the_defaults(name, finished):
    words = ["--config", str(getattr(finished.folder, name)), "--depth", "2"]
    command = read_request("train", words).command
    recorded = json.loads(finished.folder.config.read_text())["settings"]
    found = command.to_json()
    for key in ("env", "seed", "timesteps", "minutes", "environment", "gc_agent", "optimisation"):
        assert found[key] == recorded[key]
    assert (command.s_agent.width, command.s_agent.depth) == (32, 2)  # of the file, and given
    assert (command.out, command.resume, command.overwrite) == (None, None, False)


def test_a_run_with_the_settings_of_another_is_the_same_run(finished, tmp_path):
    out = tmp_path / "again"
    assert main(["train", "--config", str(finished.folder.path), "--out", str(out), "-q"]) == 0
    again = (out / "s_agent.safetensors").read_bytes()
    assert again == finished.folder.s_agent.read_bytes()
    settings = json.loads((out / "config.json").read_text())["settings"]
    assert settings["config"] == str(finished.folder.path)


def test_every_setting_survives(tmp_path):
    words = [*TINY, "--look-ahead", "none", "--rate", "1", "0.5", "--hard", "--binarize", "False"]
    words += ["--data-dir", "data"]
    command = read_request("train", words).command
    file = write(tmp_path / "config.json", **command.to_json())
    assert read_settings(file, Train()) == command


def test_settings_are_found_by_name_not_by_group(tmp_path):
    file = write(tmp_path / "config.json", old={"width": 7}, batch_size=3)
    settings = read_settings(file, Train())
    assert (settings.s_agent.width, settings.optimisation.batch_size) == (7, 3)


@pytest.mark.parametrize("body", [None, "mlp", "conv"])
def test_settings_of_earlier_versions_are_left_out(tmp_path, body):
    file = write(tmp_path / "config.json", s_agent={"width": 7, "body": body})
    assert read_settings(file, Train()).s_agent == SAgentSettings(width=7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"witdh": 3}, "unknown setting 'witdh'; did you mean 'width'?"),
        ({"width": "wide"}, "width must be an integer, got 'wide'"),
        ({"width": 3.5}, "width must be an integer, got 3.5"),
        ({"width": True}, "width must be an integer, got True"),
        ({"width": None}, "width must be an integer, got None"),
        ({"learning_rate": "fast"}, "learning_rate must be a number"),
        (
            {"lr_schedule": "step"},
            "lr_schedule must be one of linear, cosine, constant, got 'step'",
        ),
        ({"lr_schedule": ["cosine"]}, "lr_schedule must be one of"),
        ({"look_ahead": [1]}, "look_ahead must be 2 values"),
        ({"look_ahead": [1, "a"]}, "look_ahead must be a number"),
        ({"rate": [[1]]}, "rate must be a number"),
        ({"binarize": 1}, "binarize must be true or false"),
        ({"env": 3}, "env must be text"),
        ({"data_dir": 3}, "data_dir must be a path"),
        ({"s_agent": {"s_agent": {}}}, "s_agent must be text"),
    ],
    ids=str,
)
def test_a_wrong_setting_names_file_and_key(settings, message, tmp_path, fails):
    file = write(tmp_path / "config.json", **settings)
    found = fails("train", "--config", file, "--out", tmp_path / "run")
    assert message in found
    assert str(file) in found
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"settings": 3}', "\x00", '{"settings": ' + "[" * 10**5, "null"]
)
def test_a_damaged_file_is_one_sentence(text, tmp_path, fails):
    file = tmp_path / "config.json"
    file.write_text(text)
    assert str(file) in fails("train", "--config", file)


def test_what_cannot_be_a_configuration(finished, tmp_path, fails):
    missing = tmp_path / "none.json"
    assert f"there is no file {missing}" in fails("train", "--config", missing)
    assert "there is no run in" in fails("train", "--config", tmp_path)
    assert "is neither the folder of a run nor its model.gcgen" in fails(
        "train", "--config", finished.folder.samples
    )
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    assert "damaged" in fails("train", "--config", tmp_path / "bytes.json")
    assert "leave out --config" in fails(
        "train", "--config", finished.folder.path, "--resume", finished.folder.path
    )


def test_without_the_option_nothing_is_read():
    assert find_defaults(["--seed", "3"]) is None
    assert find_defaults(["--config"]) is None  # the parser of all options reports it


def test_the_record_of_a_run_is_complete(tmp_path):
    run = train(tmp_path / "run", "--timesteps", "128")
    recorded = json.loads(run.folder.config.read_text())["settings"]
    assert recorded.keys() == asdict(Train()).keys()
