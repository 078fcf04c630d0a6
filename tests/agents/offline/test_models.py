"""What the offline algorithms share: `predict` with masks, seeds, saving, messages."""

import io

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents import GCBC, GCIQL
from agents.common.evaluation import evaluate_agent
from agents.offline.episode_data import read_data
from gcgen_env.storage import load_container, save_container
from tests.agents.conftest import make_env, make_envs, make_vec_env
from tests.agents.offline.samples import make_bandit, make_data, make_tiny
from tests.gcgen_env.sample_proposers import OnlyPropose

ALGORITHMS = (GCBC, GCIQL)
both = pytest.mark.parametrize("cls", ALGORITHMS, ids=lambda cls: cls.__name__)
SMALL = {"net_arch": (16,), "batch_size": 32, "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    return make_data()


def make(cls, data, seed=0, **kwargs):
    return cls(make_tiny(), data, seed=seed, **{**SMALL, **kwargs})


def list_weights(model):
    return [weight.numpy().tobytes() for weight in model.networks.state_dict().values()]


@both
def test_a_seed_reproduces_a_training(cls, data):
    one, again, other = (make(cls, data, seed).learn(5) for seed in (0, 0, 1))
    assert list_weights(one) == list_weights(again) != list_weights(other)
    obs, _ = make_tiny(64).reset(seed=0)
    draws = [model.predict(obs)[0] for model in (one, again)]
    assert np.array_equal(*draws)
    assert (one.predict(obs)[0] != draws[0]).any()  # the next draw


@both
def test_the_global_generator_is_left_alone(cls, data):
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    make(cls, data).learn(2)
    assert torch.equal(torch.rand(1), wanted)


@both
@pytest.mark.parametrize("deterministic", [False, True])
def test_invalid_actions_are_never_selected(cls, deterministic):
    options = {"proposer": OnlyPropose(), "nucleus": 0.5, "obs_mode": "compact"}
    envs = make_envs(64, **options)
    model = cls(envs, horizon=8, seed=0, device="cpu", net_arch=(16,))
    model.networks["policy"].layers[-1].weight.data.mul_(100)  # sure of itself
    stats = evaluate_agent(model, envs.unwrapped, 64, deterministic=deterministic)
    assert stats.invalid_actions.sum() == 0


@both
def test_single_and_batched_observations(cls):
    env = make_env(obs_mode="compact")
    model = cls(env, horizon=8, seed=0, device="cpu")
    obs, _ = env.reset(seed=0)
    action, state = model.predict(obs, state="kept", deterministic=True)
    assert action.shape == () and action.dtype == np.int64 and state == "kept"
    env.step(action)
    batch = {key: np.stack([value] * 3) for key, value in obs.items()}
    assert model.predict(batch, deterministic=True)[0].tolist() == [action] * 3


@both
def test_it_takes_every_kind_of_environment(cls):
    env = make_env(obs_mode="compact")
    sources = (env, make_envs(2), make_vec_env(2), (env.observation_space, env.action_space))
    for source in sources:
        assert cls(source, horizon=8, device="cpu").action_space.n == 16


@both
def test_a_saved_model_is_the_same(cls, data, tmp_path):
    model = make(cls, data).learn(5)
    obs, _ = make_tiny(64).reset(seed=0)
    for target in (tmp_path / "model.gcgen", io.BytesIO()):
        model.save(target)
        if isinstance(target, io.BytesIO):
            target.seek(0)
        loaded = cls.load(target, device="cpu")
        assert list_weights(loaded) == list_weights(model)
        for name in (*cls.saved_arguments, "horizon", "num_updates", "observation_space"):
            assert getattr(loaded, name) == getattr(model, name), name
        np.testing.assert_array_equal(loaded.compute_logits(obs), model.compute_logits(obs))


@both
def test_a_loaded_model_continues_exactly(cls, data, tmp_path):
    whole = make(cls, data).learn(4).learn(3)
    make(cls, data).learn(4).save(tmp_path / "model")
    resumed = cls.load(tmp_path / "model", make_tiny(), data, device="cpu").learn(3)
    assert list_weights(resumed) == list_weights(whole)
    assert resumed.num_updates == 7


@both
def test_a_callback_can_stop(cls, data):
    seen = []
    model = make(cls, data)
    model.learn(100, lambda step, values: bool(seen.append((step, values))), log_interval=4)
    assert model.num_updates == 4
    assert seen[0][0] == 4 and "loss" in seen[0][1]


@both
def test_files_that_do_not_fit_are_refused(cls, data, tmp_path):
    path = tmp_path / "model"
    make(cls, data).save(path)
    other = GCIQL if cls is GCBC else GCBC
    with pytest.raises(ValueError, match=f"holds a {cls.__name__}, not a {other.__name__}"):
        other.load(path)
    with pytest.raises(ValueError, match="other spaces"):
        cls.load(path, make_env(obs_mode="compact"))
    with pytest.raises(FileNotFoundError):
        cls.load(tmp_path / "nowhere")
    document, tensors = load_container(path, "offline-algorithm")
    damaged = [
        {**document, "num_updates": -1},
        {**document, "arguments": {**document["arguments"], "dataset": "/etc"}},
        {**document, "arguments": {**document["arguments"], "net_arch": {"$tuple": [10**9]}}},
        {**document, "arguments": {**document["arguments"], "seed": "x"}},
        {**document, "observation_space": document["action_space"]},
        {k: v for k, v in document.items() if k != "arguments"},
    ]
    for each in damaged:
        save_container(path, "offline-algorithm", each, tensors)
        with pytest.raises(ValueError, match=r"is damaged|cannot be loaded") as error:
            cls.load(path)
        assert "\n" not in str(error.value)


@both
def test_moments_of_other_shapes_are_refused(cls, data, tmp_path):
    path = tmp_path / "model"
    make(cls, data).learn(1).save(path)
    document, tensors = load_container(path, "offline-algorithm")
    name = next(name for name in tensors if name.endswith("exp_avg"))
    save_container(path, "offline-algorithm", document, {**tensors, name: torch.zeros(3, 5)})
    with pytest.raises(ValueError, match="wrong shape"):
        cls.load(path)


@both
def test_messages(cls, data):
    with pytest.raises(ValueError, match="dataset= is required"):
        cls(make_tiny())
    with pytest.raises(ValueError, match="learn needs a data set"):
        cls(make_tiny(), horizon=3).learn(1)
    with pytest.raises(ValueError, match="image shape"):
        cls(make_env(obs_mode="compact"), data)
    with pytest.raises(ValueError, match="horizon 3, the environment has 5"):
        cls(make_tiny(), data, horizon=5)
    with pytest.raises(ValueError, match="observations of a GCGen environment"):
        cls((spaces.Discrete(2), spaces.Discrete(2)), data)
    with pytest.raises(ValueError, match="learning_rate must be positive"):
        make(cls, data, learning_rate=0.0)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        make(cls, data, batch_size=0)
    model = make(cls, data)
    with pytest.raises(ValueError, match="gradient_steps must be at least 1"):
        model.learn(0)
    obs, _ = make_env(obs_mode="compact").reset(seed=0)
    with pytest.raises(ValueError, match=r"observation must have shape \(1, 2, 2\)"):
        model.predict(obs)
    with pytest.raises(ValueError, match="no 'step'"):
        model.predict({key: value for key, value in obs.items() if key != "step"})


def test_data_in_memory_are_taken_as_they_are(data):
    assert read_data(data) is data
    with pytest.raises(ValueError, match="num_proposals"):
        GCBC(make_bandit([0.0, 1.0])[0], make_bandit([0.0, 1.0, 2.0])[1])
