import gymnasium as gym
import numpy as np
import pytest

from agents import GCGen
from agents.cli.recording import make_spec
from agents.cli.studio_models import find_recorder, read_models
from agents.studio.copying import score
from agents.studio.recording import Recorder

minari = pytest.importorskip("minari")
pytest.importorskip("h5py")


def test_games_become_a_minari_data_set(tmp_path, digits):
    recorder = Recorder(tmp_path, "gcgen/human-v0", make_spec("GCGen-Digits-v0", {}), "digest")
    goals = digits.load_goals().take([1, 2])
    codes = [tuple(range(8)), (3,) * 8]
    for number, (code, goal) in enumerate(zip(codes, goals, strict=True)):
        assert recorder.add(code, goal) == number + 1
    data = minari.MinariDataset(tmp_path / "gcgen/human-v0/data")
    episodes = list(data.iterate_episodes())
    assert [tuple(each.actions) for each in episodes] == codes
    for each, code, goal in zip(episodes, codes, goals, strict=True):
        np.testing.assert_array_equal(each.observations["desired_goal"][0], goal)
        gain = score(digits, "you", code, goal).gain
        assert each.rewards.sum() == pytest.approx(gain, abs=1e-3)


def test_the_recorder_plays_with_the_shown_model(tmp_path):
    shelf = read_models([], True, "cpu")
    recorder = find_recorder(shelf, [], tmp_path, "gcgen/human-v0", False)
    assert recorder.digest == shelf.find("MNIST").digest
    assert recorder.spec.id == "GCGen-MNIST-v0"


def test_games_with_a_saved_model_name_its_s_agent(tmp_path):
    GCGen("GCPolicy", "GCGen-Digits-v0", s_agent="pretrained", seed=0).save(tmp_path / "m.gcgen")
    paths = [tmp_path / "m.gcgen"]
    shelf = read_models(paths, False, "cpu")
    recorder = find_recorder(shelf, paths, tmp_path / "sets", "own/human-v0", False)
    model = shelf.find(str(paths[0]))
    goal = model.load_goals().take([0])[0]
    recorder.add((2,) * 8, goal)
    (episode,) = minari.MinariDataset(tmp_path / "sets/own/human-v0/data").iterate_episodes()
    gain = score(model, "you", (2,) * 8, goal).gain
    assert episode.rewards.sum() == pytest.approx(gain, abs=1e-3)
    assert gym.make(recorder.spec).unwrapped.config.proposer.endswith(f"{model.digest}.safetensors")


def test_an_s_agent_alone_has_no_environment_to_record(tmp_path, digits):
    path = digits.s_agent.save(tmp_path / "s.safetensors")
    with pytest.raises(ValueError, match="holds an S-agent alone: pass the model"):
        find_recorder(read_models([path], False, "cpu"), [path], tmp_path, "own/h-v0", False)
