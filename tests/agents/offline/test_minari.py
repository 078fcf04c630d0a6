"""Data sets in Minari's format: found by name, replayed, written whole or not at all."""

import json
import sys

import gymnasium as gym
import numpy as np
import pytest

from agents import GCBC
from agents.offline.behaviours import make_behaviour
from agents.offline.collect import collect_episodes
from agents.offline.episode_data import join_rounds, read_data
from agents.offline.minari_layout import check_name, import_minari
from tests.agents.conftest import DIGITS

NAME = "gcgen/digits/random-v0"
KWARGS = {"proposer": "dictionary", "obs_mode": "compact", "nucleus": 0.7}


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(ValueError, match=r"pip install -e '\.\[offline\]'"):
        import_minari()


def test_names():
    assert check_name("a/b_c/d-e-v12") == "a/b_c/d-e-v12"
    for name in ("beam", "../beam-v0", "/beam-v0", "a//beam-v0", "beam-v", "be am-v0", ""):
        with pytest.raises(ValueError, match="ends in a version"):
            check_name(name)


@pytest.fixture(scope="module")
def minari():
    pytest.importorskip("h5py", exc_type=ImportError)
    return pytest.importorskip("minari", exc_type=ImportError)


@pytest.fixture(scope="module")
def rounds():
    envs = gym.make_vec(DIGITS, num_envs=8, autoreset_mode="Disabled", **KWARGS).unwrapped
    return list(collect_episodes(make_behaviour("random", envs, 0), envs, 20, seed=0))


def write(root, rounds, fail=None):
    """Write a data set; before its last round, raise an exception."""
    from agents.offline.minari_writer import writing_dataset

    spec = gym.make(DIGITS, **KWARGS).spec
    with writing_dataset(root, NAME, spec) as writer:
        writer.describe(algorithm_name="random")
        for played in rounds[:-1]:
            writer.add(played)
        if fail is not None:
            raise fail
        writer.add(rounds[-1])
    return root / NAME


@pytest.fixture(scope="module")
def root(minari, rounds, tmp_path_factory):
    root = tmp_path_factory.mktemp("datasets")
    write(root, rounds)
    return root


@pytest.fixture
def dataset(minari, root, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(root))
    return minari.load_dataset(NAME)


def test_minari_finds_it_by_name(minari, dataset):
    assert dataset.total_episodes == 20 and dataset.total_steps == 160
    assert dataset.id == NAME
    assert list(minari.list_local_datasets()) == [NAME]


def test_episodes_are_whole(dataset, rounds):
    for i, episode in enumerate(dataset.iterate_episodes()):
        played, row = rounds[i // 8], i % 8
        assert episode.observations.keys() == dataset.observation_space.keys()
        for key, values in episode.observations.items():
            assert values.tobytes() == played.observations[key][row].tobytes()
            assert values.shape[0] == 9
        assert np.array_equal(episode.actions, played.actions[row])
        assert np.array_equal(episode.rewards, played.rewards[row])
        assert episode.terminations.tolist() == [False] * 7 + [True]
        assert not episode.truncations.any()
        assert np.array_equal(episode.infos["goal_index"], played.infos["goal_index"][row])


def test_the_environment_is_recovered_and_replays_them(dataset):
    env = dataset.recover_environment()
    assert env.unwrapped.config.nucleus == 0.7 and env.unwrapped.config.split == "train"
    assert dataset.recover_environment(eval_env=True).unwrapped.config.split == "test"
    assert env.observation_space.contains(env.reset()[0])
    metadata = dataset.storage.get_episode_metadata(dataset.episode_indices)
    for episode, entry in zip(dataset.iterate_episodes(), metadata, strict=True):
        obs, info = env.reset(seed=entry["seed"])
        assert info["goal_index"] == episode.infos["goal_index"][0]
        assert np.array_equal(obs["desired_goal"], episode.observations["desired_goal"][0])
        steps = [env.step(int(action)) for action in episode.actions]
        rewards = [reward for _, reward, *_ in steps]
        np.testing.assert_allclose(rewards, episode.rewards, rtol=1e-5, atol=1e-5)
        assert [step[2:4] for step in steps] == [(False, False)] * 7 + [(True, False)]


def test_algorithms_read_it(dataset, root, rounds):
    wanted = join_rounds(rounds)
    for source in (dataset, root / NAME, str(root / NAME / "data")):
        data = read_data(source)
        for name, value in vars(wanted).items():
            assert np.array_equal(getattr(data, name), value), name
    GCBC(dataset.recover_environment(), root / NAME, device="cpu").learn(1)
    with pytest.raises(FileNotFoundError, match="no data set at"):
        read_data(root / "nowhere")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("no space")])
def test_an_interrupted_write_leaves_nothing(minari, rounds, tmp_path, error):
    with pytest.raises(type(error)):
        write(tmp_path / "new", rounds, error)
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_is_kept_until_the_end(minari, rounds, tmp_path):
    folder = write(tmp_path, rounds[:1])
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, rounds, KeyboardInterrupt())
    assert len(read_data(folder)) == 8
    write(tmp_path, rounds)
    assert len(read_data(folder)) == 20
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_data_sets_of_other_environments_are_refused(minari, tmp_path):
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    env = gym.make("CartPole-v1")
    storage = MinariStorage.new(tmp_path / "data", env.observation_space, env.action_space)
    obs = np.zeros((3, 4), dtype=np.float32)
    storage.update_episodes([EpisodeBuffer(None, 0, None, obs, [0, 1], [0.0, 1.0], [0, 1], [0, 0])])
    storage.update_metadata({"dataset_id": "a-v0", "minari_version": minari.__version__})
    with pytest.raises(ValueError, match="not one of a GCGen environment"):
        read_data(tmp_path)


def test_damaged_files_are_one_sentence(minari, rounds, tmp_path):
    data = write(tmp_path, rounds[:1]) / "data"
    metadata = json.loads((data / "metadata.json").read_text())
    without = {key: value for key, value in metadata.items() if key != "observation_space"}
    for text in (json.dumps(without), "{", json.dumps({**metadata, "data_format": "pickle"})):
        (data / "metadata.json").write_text(text)
        with pytest.raises(ValueError, match=r"cannot be read") as error:
            read_data(data)
        assert "\n" not in str(error.value)
    (data / "metadata.json").write_text(json.dumps(metadata))
    (data / "main_data.hdf5").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        read_data(data)


def test_reading_makes_no_environment(minari, rounds, tmp_path, monkeypatch):
    folder = write(tmp_path, rounds[:1])
    monkeypatch.setattr(gym, "make", lambda *_: pytest.fail("an environment was made"))
    assert len(read_data(folder)) == len(rounds[0].seed)
