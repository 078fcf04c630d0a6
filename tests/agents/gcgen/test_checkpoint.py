"""Saved models: the round trip, resumed training, and files that are something else."""

import json
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors import safe_open
from stable_baselines3 import PPO

from agents import GCGen, GCPolicy, SAgent
from agents.gcgen.checkpoint import KIND, Checkpoint
from agents.gcgen.config import to_json
from gcgen_env.storage import load_container, save_container
from tests.agents.conftest import DIGITS, make_env, make_envs, make_model
from tests.agents.toys import randomise


def test_the_round_trip_keeps_everything(model, model_file, digits):
    loaded = GCGen.load(model_file)
    np.testing.assert_array_equal(loaded.sample(8, seed=0), model.sample(8, seed=0))
    np.testing.assert_array_equal(loaded.encode(digits), model.encode(digits))
    one, other = (each.evaluate_nll(digits, num_paths=4) for each in (model, loaded))
    np.testing.assert_array_equal(one.per_image, other.per_image)
    obs, _ = make_env().reset(seed=0)
    assert loaded.predict(obs, deterministic=True)[0] == model.predict(obs, deterministic=True)[0]
    names = ("num_timesteps", "_n_updates", "seed", "n_envs", "learning_rate", "progress", "config")
    for name in names:
        assert getattr(loaded, name) == getattr(model, name), name


OPTIONS = {
    "learning_rate": 3e-3,
    "gc_learning_rate": 1e-3,
    "gc_interval": 5,
    "lr_schedule": "constant",
    "precision": "bfloat16",
    "train_s_agent": False,
    "policy_kwargs": {"look_ahead": (0.5, 2.0), "prior": False, "width": 16},
    "env_kwargs": {"nucleus": 0.9, "horizon": np.int64(3), "num_proposals": 5, "rate": 0.5},
}


def test_options_are_kept(tmp_path):
    model = make_model(**OPTIONS, n_envs=np.int64(2))
    randomise(model.policy)
    model.save(tmp_path / "model")
    loaded = GCGen.load(tmp_path / "model")
    for name in ("learning_rate", "gc_learning_rate", "gc_interval", "precision", "train_s_agent"):
        assert getattr(loaded.config, name) == OPTIONS[name], name
    assert loaded.config == model.config and loaded.config.lr_schedule == "constant"
    assert loaded.policy.selection == model.policy.selection
    assert loaded.chain.nucleus == 0.9 and loaded.chain.horizon == 3
    assert torch.equal(loaded.chain.dynamics.rate, model.chain.dynamics.rate)
    np.testing.assert_array_equal(loaded.sample(4, seed=0), model.sample(4, seed=0))


def test_the_number_of_trajectories_of_an_environment_is_kept(tmp_path):
    make_model(n_envs=3, env=make_envs(5)).save(tmp_path / "model")
    loaded = GCGen.load(tmp_path / "model", env=DIGITS)
    assert loaded.n_envs == loaded.env.num_envs == 5


def test_a_ramp_chosen_later_is_kept(tmp_path):
    model = make_model()
    model.policy.set_selection(look_ahead=(0.5, 0.9))
    model.save(tmp_path / "model")
    assert GCGen.load(tmp_path / "model").policy.selection.look_ahead == (0.5, 0.9)


def test_a_model_is_saved_without_its_array(tmp_path):
    images = np.random.default_rng(0).integers(256, size=(40, 6, 6), dtype=np.uint8)
    model = make_model(env="GCGen-Images-v0", env_kwargs={"dataset": images, "horizon": 3})
    model.save(tmp_path / "model")
    assert (tmp_path / "model").stat().st_size < 500_000
    loaded = GCGen.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.sample(4, seed=0), model.sample(4, seed=0))


def test_no_pickle_is_written(model_file):
    with safe_open(str(model_file), framework="pt") as file:
        document = json.loads(file.metadata()["gcgen"])
    assert document["kind"] == KIND
    assert not zipfile.is_zipfile(model_file)
    assert b"cloudpickle" not in model_file.read_bytes()


def test_any_suffix_will_do(model, model_file, tmp_path):
    for name in ("model", "model.zip", "model.safetensors"):
        model.save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == model_file.read_bytes()


def test_the_optimizers_can_be_left_out(model, model_file, tmp_path):
    model.save(tmp_path / "light", exclude=["optimizer"])
    assert (tmp_path / "light").stat().st_size < 0.5 * model_file.stat().st_size
    light = GCGen.load(tmp_path / "light", env=DIGITS)
    np.testing.assert_array_equal(light.sample(4, seed=0), model.sample(4, seed=0))
    assert light.learn(8 * 16)._n_updates == model._n_updates + 1


def test_resumed_training_continues_where_it_stopped(tmp_path):
    """Adam's moments survive: one more update from each copy gives the same weights."""
    model = make_model(updates=5, lr_schedule="constant")
    model.save(tmp_path / "model")
    updated = []
    for _ in range(2):
        copy = GCGen.load(tmp_path / "model", env=DIGITS)
        copy.learn(16 * 8, reset_num_timesteps=False)
        assert copy.num_timesteps == model.num_timesteps + 16 * 8
        assert copy._n_updates == 6
        updated.append(copy.s_agent.network.state_dict())
    for name in updated[0]:
        assert torch.equal(updated[0][name], updated[1][name])
    moments = GCGen.load(tmp_path / "model").get_parameters()
    for name, state in model.get_parameters().items():
        if name.endswith("optimizer"):
            for index, values in state["state"].items():
                for key, value in values.items():
                    assert torch.equal(torch.as_tensor(moments[name]["state"][index][key]), value)
    assert moments["optimizer"]["state"]


def test_two_halves_follow_one_learning_rate_schedule(tmp_path):
    """A stopped run continues the schedule where it was; after a finished one it starts anew."""
    progress = []

    def stop_in_the_middle(local, _):
        progress.append(local["self"].progress)
        return len(progress) < 8 * 10

    def record(local, _):
        progress.append(local["self"].progress)
        return True

    make_model(n_envs=2).learn(2 * 8 * 20, callback=stop_in_the_middle).save(tmp_path / "half")
    model = GCGen.load(tmp_path / "half", env=DIGITS)
    model.learn(2 * 8 * 10, callback=record, reset_num_timesteps=False)
    np.testing.assert_allclose(progress[4::8][:10], np.arange(10) / 20)
    np.testing.assert_allclose(progress[4::8][10:], np.arange(10, 20) / 20)
    assert model.progress == 1.0
    model.learn(2 * 8, callback=record, reset_num_timesteps=False)
    assert progress[-1] == 0.0  # a finished run is followed by a new one


def test_resumed_training_draws_other_goals(tmp_path):
    model = make_model()
    model.save(tmp_path / "fresh")
    model.learn(16 * 8)
    model.save(tmp_path / "later")
    fresh, later = (GCGen.load(tmp_path / name, env=DIGITS) for name in ("fresh", "later"))
    for each in (fresh, later):
        each.env.reset()
    assert (fresh.env.sample_images() != later.env.sample_images()).any()


def test_without_an_environment_a_model_can_do_all_but_learn(model_file, digits):
    loaded = GCGen.load(model_file)
    loaded.reconstruct(digits)
    with pytest.raises(ValueError, match=r"no environment to train on: call set_env\(...\)"):
        loaded.learn(100)
    loaded.set_env(DIGITS)
    loaded.learn(16 * 8)
    assert loaded.n_envs == 16


def test_arguments_may_be_changed(model_file, tmp_path):
    loaded = GCGen.load(model_file, env=DIGITS, n_envs=3, learning_rate=0.5)
    assert (loaded.n_envs, loaded.env.num_envs, loaded.learning_rate) == (3, 3, 0.5)


def test_a_wrong_keyword_is_named(model_file):
    with pytest.raises(TypeError, match="learning_rat"):
        GCGen.load(model_file, learning_rat=0.1)


def test_a_wrong_value_is_named(model_file):
    with pytest.raises(ValueError, match=r"batch_size must be at least 1 .*, got 0"):
        GCGen.load(model_file, batch_size=0)


def test_a_checkpoint_collects_and_restores_a_model(model, tmp_path):
    checkpoint = Checkpoint.of(model)
    path = checkpoint.save(tmp_path / "model")
    loaded = Checkpoint.load(path, "cpu")
    assert loaded.options == to_json(checkpoint.options)
    assert loaded.counters == checkpoint.counters
    assert loaded.policy.keys() == checkpoint.policy.keys()
    assert all(torch.equal(loaded.policy[name], v) for name, v in checkpoint.policy.items())
    other = make_model(seed=1)
    loaded.restore(other)
    assert (other.num_timesteps, other._n_updates) == (model.num_timesteps, model._n_updates)
    state = other.policy.state_dict()
    assert all(torch.equal(state[name], v) for name, v in model.policy.state_dict().items())
    assert Checkpoint.of(model, with_optimizers=False).optimizers == {}


def test_a_subclass_of_the_policy_must_be_passed_to_load(tmp_path):
    class OwnPolicy(GCPolicy):
        pass

    GCGen(OwnPolicy, DIGITS, n_envs=2).save(tmp_path / "model")
    with pytest.raises(ValueError, match="pass policy=OwnPolicy to load it"):
        GCGen.load(tmp_path / "model")
    assert isinstance(GCGen.load(tmp_path / "model", policy=OwnPolicy).policy, OwnPolicy)


def test_an_environment_that_does_not_fit_is_refused(model_file):
    with pytest.raises(
        ValueError, match=r"trained with image shape \(1, 8, 8\), the environment has \(2,\)"
    ):
        GCGen.load(model_file, env="GCGen-Toy2D-v0")


def test_the_saved_s_agent_is_the_model(model, s_agent_file):
    np.testing.assert_array_equal(
        SAgent.load(s_agent_file).sample(8, seed=0), model.sample(8, seed=0)
    )


class Bomb:
    def __reduce__(self):
        return (print, ("a pickle was read",))


def write_pickle(path, model_file):
    path.write_bytes(pickle.dumps(Bomb()))


def write_torch_pickle(path, model_file):
    torch.save({"policy": Bomb()}, path)


def write_sb3_zip(path, model_file):
    PPO("MultiInputPolicy", make_env(), n_steps=8, batch_size=8).save(path.with_suffix(".zip"))
    path.with_suffix(".zip").rename(path)


def write_truncated(path, model_file):
    path.write_bytes(model_file.read_bytes()[:-1000])


def write_header_alone(path, model_file):
    path.write_bytes(model_file.read_bytes()[:100])


def write_nothing(path, model_file):
    path.touch()


DAMAGES = [
    write_pickle,
    write_torch_pickle,
    write_sb3_zip,
    write_truncated,
    write_header_alone,
    write_nothing,
]


@pytest.mark.parametrize("write", DAMAGES, ids=lambda write: write.__name__)
@pytest.mark.parametrize("load", [GCGen.load, SAgent.load], ids=["GCGen", "SAgent"])
def test_other_files_are_refused(write, load, model_file, tmp_path, capsys):
    path = tmp_path / "model.gcgen"
    write(path, model_file)
    with pytest.raises(ValueError, match="is not a GCGen file, or it is damaged"):
        load(path)
    assert "a pickle was read" not in capsys.readouterr().out


def test_the_other_kind_is_refused(model_file, s_agent_file):
    with pytest.raises(ValueError, match="holds a 's-agent', expected a 'gcgen'"):
        GCGen.load(s_agent_file)
    with pytest.raises(ValueError, match="holds a 'gcgen', expected a 's-agent'"):
        SAgent.load(model_file)
    with pytest.raises(ValueError, match="holds a 'gcgen', expected a 's-agent'"):
        make_env(proposer=str(model_file))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no saved file at"):
        GCGen.load(tmp_path / "nothing")


@pytest.fixture
def change(model_file, tmp_path):
    """Return a function that rewrites the model after a change of its contents."""

    def rewrite(edit):
        document, tensors = load_container(model_file, KIND)
        edit(document, tensors)
        return save_container(tmp_path / "changed", KIND, document, tensors)

    return rewrite


def drop(name):
    return lambda document, tensors: tensors.pop(name)


CHANGES = {
    "wider": lambda document, tensors: document["network"].update(width=64),
    "more proposals": lambda document, tensors: document["network"].update(num_proposals=8),
    "longer": lambda document, tensors: document["network"].update(horizon=9),
    "another shape": lambda document, tensors: document["network"].update(shape=[1, 4, 4]),
    "wider policy": lambda document, tensors: document["options"]["policy_kwargs"].update(width=7),
    "no weights": drop("network.head.weight"),
    "no initial state": drop("initial"),
    "no policy": drop("policy.value_net.weight"),
    "no options": lambda document, tensors: document.pop("options"),
    "unknown option": lambda document, tensors: document["options"].update(colour="red"),
    "a tensor of another shape": lambda document, tensors: tensors.update(initial=torch.zeros(3)),
    "no counters": lambda document, tensors: document.pop("counters"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_of_another_shape_is_refused(change, name):
    with pytest.raises(ValueError, match=r"changed is damaged: "):
        GCGen.load(change(CHANGES[name]))


def test_a_damaged_checkpoint_is_refused_with_keywords_too(change):
    with pytest.raises(ValueError, match=r"changed is damaged: "):
        GCGen.load(change(CHANGES["no policy"]), verbose=1)
