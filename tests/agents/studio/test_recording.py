import numpy as np
import pytest

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
