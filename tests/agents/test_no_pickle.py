"""A pickle in the place of any file of ours is refused, and its code never runs."""

import io
import pickle

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.save_util import save_to_pkl, save_to_zip_file

from agents import (
    GCBC,
    GCIQL,
    AfterstateDQN,
    AfterstatePolicy,
    AttentionPolicy,
    GCGen,
    GCPolicy,
    MaskableAttentionPolicy,
    MaskableDQN,
    MaskableDQNPolicy,
    MaskableGCPolicy,
    MaskableQRDQN,
    MaskableQRDQNPolicy,
    ProposalDQNPolicy,
    ProposalQRDQNPolicy,
    SAgent,
    SPolicy,
)
from gcgen_env.datasets import load_dataset
from tests.agents.conftest import make_env, make_model

EXPLODED = []


def explode():
    EXPLODED.append(True)


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return explode, ()


def make_pickle():
    return pickle.dumps(Bomb())


def make_torch_file():
    file = io.BytesIO()
    torch.save({"state_dict": {}, "data": Bomb()}, file)
    return file.getvalue()


def make_sb3_zip():
    file = io.BytesIO()
    save_to_zip_file(file, data={"policy_class": Bomb()}, params={"policy": {}})
    return file.getvalue()


def make_sb3_buffer():
    file = io.BytesIO()
    save_to_pkl(file, Bomb())
    return file.getvalue()


def make_object_array():
    file = io.BytesIO()
    np.save(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    return file.getvalue()


BOMBS = [make_pickle, make_torch_file, make_sb3_zip, make_sb3_buffer, make_object_array]
POLICIES = (
    *(GCPolicy, MaskableGCPolicy, SPolicy, MaskableDQNPolicy, MaskableQRDQNPolicy),
    *(ProposalDQNPolicy, ProposalQRDQNPolicy),
    *(AfterstatePolicy, AttentionPolicy, MaskableAttentionPolicy),
)
MODELS = (GCGen, SAgent, MaskableDQN, MaskableQRDQN, AfterstateDQN, GCBC, GCIQL)
CLASSES = {cls.__name__: cls.load for cls in (*MODELS, *POLICIES)}


@pytest.fixture(scope="module")
def methods():
    """Methods of models that read a file."""
    dqn = MaskableDQN("MultiInputPolicy", make_env(obs_mode="compact"), buffer_size=10)
    qrdqn = MaskableQRDQN("MultiInputPolicy", make_env(obs_mode="compact"), buffer_size=10)
    model = make_model(n_envs=2)
    return {
        "GCGen.set_parameters": model.set_parameters,
        "MaskableDQN.set_parameters": dqn.set_parameters,
        "MaskableDQN.load_replay_buffer": dqn.load_replay_buffer,
        "MaskableQRDQN.set_parameters": qrdqn.set_parameters,
        "MaskableQRDQN.load_replay_buffer": qrdqn.load_replay_buffer,
        "proposer=": lambda path: make_env(proposer=str(path)),
        "s_agent=": lambda path: make_model(n_envs=2, s_agent=str(path)),
    }


@pytest.mark.parametrize("make", BOMBS, ids=lambda make: make.__name__)
def test_no_pickle_is_read(make, methods, tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(make())
    for name, load in {**CLASSES, **methods}.items():
        with pytest.raises(ValueError, match=r"pickles are never read") as error:
            load(path)
        assert "\n" not in str(error.value), name
        if "=" not in name:
            with pytest.raises(ValueError, match=r"the BytesIO object .* pickles are never read"):
                load(io.BytesIO(make()))
    assert not EXPLODED


@pytest.mark.parametrize("name", ["bomb.npy", "bomb.npz"])
def test_no_pickle_is_read_as_data(name, tmp_path):
    path = tmp_path / name
    save = np.save if name.endswith("npy") else np.savez
    save(path, np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=name):
        load_dataset(path)
    assert not EXPLODED


def test_the_bombs_explode_elsewhere(tmp_path):
    """SB3's own loaders run the code, as SECURITY.md says: the bombs are real."""
    for make, load in (
        (make_pickle, lambda path: pickle.loads(path.read_bytes())),
        (make_torch_file, lambda path: torch.load(path, weights_only=False)),
        (make_sb3_zip, lambda path: PPO.load(path)),
        (make_object_array, lambda path: np.load(path, allow_pickle=True)),
    ):
        EXPLODED.clear()
        path = tmp_path / "bomb"
        path.write_bytes(make())
        try:
            load(path)
        except (AttributeError, KeyError, TypeError, UserWarning):
            pass  # after the explosion SB3 misses the rest of the file
        assert EXPLODED, make.__name__
    EXPLODED.clear()
