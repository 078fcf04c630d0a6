"""Run folders whose records are damaged: one sentence names the file."""

import json
import shutil

import pytest

from agents import GCGen
from agents.cli.run_folder import RunFolder, RunRecord
from agents.cli.settings import TrainSettings
from agents.cli.start_run import _load_session
from agents.gcgen.checkpoint import KIND
from gcgen_env.storage import load_container, save_container
from tests.agents.gcgen.test_earlier_files import DATA

SETTINGS = TrainSettings(minutes=1.0, timesteps=480).to_json()


def load(folder):
    return _load_session(TrainSettings(resume=(folder.path,)), folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minutes": []}, r"its minutes are \[\]"),
        ({"minutes": True}, "its minutes are True"),
        ({"minutes": float("nan")}, "its minutes are nan"),
        ({"command": 1.5}, "its command must be a str, got 1.5"),
        ({"initial_bound": {}}, "its initial_bound must be a str, got {}"),
        ({"versions": []}, r"its versions must be a dict, got \[\]"),
        ({"settings": []}, "its settings are no table"),
        ({"settings": {**SETTINGS, "timesteps": 480.5}}, "the budget of the run, --timesteps must"),
        ({"settings": {**SETTINGS, "timesteps": 0}}, "the budget of the run, --timesteps must"),
        ({"settings": {**SETTINGS, "minutes": "1"}}, "the budget of the run, --minutes must"),
        ({"settings": {"seed": 0}}, "the budget of the run, 'minutes'"),
        ({"more": 1}, "more"),
    ],
)
def test_records(tmp_path, changes, message):
    folder = RunFolder(tmp_path)
    folder.commit(GCGen.load(DATA / "model.gcgen"), RunRecord(SETTINGS))
    load(folder)
    document, tensors = load_container(folder.model, KIND)
    document["run"] = {**document["run"], **changes}
    save_container(folder.model, KIND, document, tensors)
    with pytest.raises(ValueError, match=rf"model\.gcgen is damaged: .*{message}") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["config.json", "state.json"])
def test_records_of_version_0_1(tmp_path, name):
    folder = RunFolder(tmp_path)
    shutil.copyfile(DATA / "model.gcgen", folder.model)
    (tmp_path / "config.json").write_text(json.dumps({"settings": SETTINGS, "command": "gcgen"}))
    (tmp_path / "state.json").write_text(json.dumps({"minutes": 0.5, "timesteps": 240}))
    load(folder)
    document = json.loads((tmp_path / name).read_text())
    (tmp_path / name).write_text(json.dumps({**document, "minutes": [], "more": 1}))
    with pytest.raises(ValueError, match=r"config\.json or state\.json is damaged: "):
        load(folder)
    (tmp_path / name).write_text("[" * 100_000)
    with pytest.raises(ValueError, match=rf"{name} is damaged: "):
        load(folder)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("sigma", 7.0, ".*sigma=7"), ("dataset", [], "expected a data set's name")],
)
def test_an_environment_that_the_model_does_not_fit(tmp_path, field, value, message):
    folder = RunFolder(tmp_path)
    folder.commit(GCGen.load(DATA / "model.gcgen"), RunRecord(SETTINGS))
    document, tensors = load_container(folder.model, KIND)
    document["env_config"][field] = value
    save_container(folder.model, KIND, document, tensors)
    with pytest.raises(ValueError, match=rf"model\.gcgen does not fit its environment: {message}"):
        load(folder)
