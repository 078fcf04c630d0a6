"""Spaces, arguments, policies, algorithms and buffers as JSON and safetensors."""

import io
import json
import time

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.utils import LinearSchedule, set_random_seed

from agents import GCPolicy, GoalReplayBuffer, MaskableDQN, MaskableDQNPolicy, SPolicy
from agents.common.saved_names import check_file, find_saved
from agents.common.stored_arguments import decode, encode
from agents.common.stored_spaces import space_from_json, space_to_json
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.spaces import ImageSpace, make_observation_space
from gcgen_env.storage import load_container, save_container
from tests.agents.common.conftest import ALGORITHMS, make_env, make_model

SPACES = [
    make_observation_space(Bernoulli(3), (1, 8, 8), 5, "pixels"),
    make_observation_space(Gaussian(1, -1.0, 1.0, 0.05), (2,), 3, "compact"),
    spaces.Box(-np.inf, np.inf, (3,)),
    spaces.Box(np.array([0.1, 0.2], np.float32), np.array([1, 2], np.float32)),
    spaces.Box(0, 255, (1, 4, 4), np.uint8),
    spaces.Box(0.0, 1.0, (0,), np.float64),
    spaces.Discrete(7, start=-2),
    spaces.MultiBinary([2, 3]),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_spaces_come_back(space):
    found = space_from_json(json.loads(json.dumps(space_to_json(space))))
    assert found == space and found.dtype == space.dtype
    if isinstance(space, spaces.Dict):
        assert list(found) == list(space)
        assert found["desired_goal"].likelihood == space["desired_goal"].likelihood


@pytest.mark.parametrize(
    "space",
    [
        spaces.MultiDiscrete([2, 3]),
        spaces.Tuple((spaces.Discrete(2),)),
        spaces.Dict({"text": spaces.Text(3)}),
        type("Own", (spaces.Box,), {})(0, 1, (2,)),
        type("Own", (ImageSpace,), {})(Bernoulli(1), (2,)),
    ],
    ids=lambda space: type(space).__name__,
)
def test_other_spaces_raise_when_they_are_saved(space):
    with pytest.raises(ValueError, match="cannot be saved without pickle"):
        space_to_json(space)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "Box"},
        {"type": "Box", "shape": [2**40], "dtype": "float32", "low": 0, "high": 1},
        {"type": "Box", "shape": [-1], "dtype": "float32", "low": 0, "high": 1},
        {"type": "Box", "shape": [2], "dtype": "object", "low": 0, "high": 1},
        {"type": "Box", "shape": [2], "dtype": "float32", "low": [1, 2, 3], "high": 1},
        {"type": "Box", "shape": "ab", "dtype": "float32", "low": 0, "high": 1},
        {"type": "Discrete", "n": -1, "start": 0},
        {"type": "MultiBinary", "n": [2**30, 2**30]},
        {"type": "Dict", "entries": 3},
        {"type": "ImageSpace", "shape": [2], "likelihood": {"name": "other", "event_ndim": 1}},
        {"type": ["Box"]},
        [],
        None,
    ],
)
def test_damaged_spaces_are_refused(document):
    with pytest.raises(ValueError):
        space_from_json(document)


def test_arguments_come_back():
    given = {
        "net_arch": {"pi": [64], "vf": []},
        "activation_fn": torch.nn.Tanh,
        "optimizer_class": torch.optim.AdamW,
        "optimizer_kwargs": {"eps": np.float64(1e-5), "betas": (0.9, 0.99)},
        "likelihood": Gaussian(3, sigma=0.2),
        "space": spaces.Discrete(3),
        "nothing": None,
    }
    found = decode(json.loads(json.dumps({k: encode(v, k) for k, v in given.items()})))
    assert found == given and isinstance(found["optimizer_kwargs"]["betas"], tuple)
    schedule = decode(encode(LinearSchedule(1.0, 0.1, 0.5), "learning_rate"))
    assert schedule(0.75) == LinearSchedule(1.0, 0.1, 0.5)(0.75)


@pytest.mark.parametrize(
    "value",
    [lambda _: 0.1, object(), print, GCPolicy, {"$class": "Tanh"}, {1: 2}, [1] * 1001, {3}],
    ids=lambda value: type(value).__name__,
)
def test_unknown_arguments_raise_when_they_are_saved(value):
    with pytest.raises(ValueError, match=r"width cannot be saved without pickle|1,001 entries"):
        encode(value, "width")


@pytest.mark.parametrize(
    "value",
    [{"$class": "Popen"}, {"$code": "1"}, {"$class": []}, {"$schedule": [1, 2]}, [0] * 2000],
)
def test_unknown_values_of_files_are_refused(value):
    with pytest.raises(ValueError):
        decode(value)


@pytest.fixture(scope="module")
def policy():
    env = make_env()
    return GCPolicy(env.observation_space, env.action_space, lambda _: 1e-3, width=24)


def test_policies_go_through_file_objects(policy, tmp_path):
    file = io.BytesIO()
    policy.save(file)
    file.seek(0)
    with open(tmp_path / "policy", "wb") as opened:
        policy.save(opened)
    with open(tmp_path / "policy", "rb") as opened:
        loaded = [GCPolicy.load(file), GCPolicy.load(opened), GCPolicy.load(tmp_path / "policy")]
    for each in loaded:
        assert each.observation_space == policy.observation_space
        for name, value in policy.state_dict().items():
            assert torch.equal(each.state_dict()[name], value)


def test_another_policy_is_named(policy, tmp_path):
    policy.save(tmp_path / "policy")
    with pytest.raises(ValueError, match=r"holds a GCPolicy, not a SPolicy: call GCPolicy.load"):
        SPolicy.load(tmp_path / "policy")


@pytest.mark.parametrize(
    ("policy_class", "key", "value"),
    [
        (GCPolicy, "width", 10**7),
        (GCPolicy, "width", 10**30),
        (GCPolicy, "observation_space", None),
        (GCPolicy, "num", 1),
        (MaskableDQNPolicy, "net_arch", [10**7] * 100),
        (MaskableDQNPolicy, "net_arch", [1] * 10**5),
    ],
)
def test_sizes_are_compared_before_memory_is_taken(policy_class, key, value, tmp_path):
    path, env = tmp_path / "policy", make_env()
    policy_class(env.observation_space, env.action_space, lambda _: 1e-3).save(path)
    document, tensors = load_container(path, "policy")
    document["arguments"][key] = value
    save_container(path, "policy", document, tensors)
    begun = time.monotonic()
    with pytest.raises(ValueError, match=f"{path} is damaged: "):
        policy_class.load(path)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", ["path", "BytesIO"])
def test_algorithms_come_back_and_go_on(algorithm, kind, tmp_path, observations):
    model = make_model(algorithm, "ProposalPolicy", gamma=1.0, target_update_interval=50).learn(80)
    target = tmp_path / "model" if kind == "path" else io.BytesIO()
    model.save(target)
    if kind == "BytesIO":
        target.seek(0)
    loaded = algorithm.load(target, env=make_env(), custom_objects={"batch_size": 8, "x": 1})
    assert (loaded.num_timesteps, loaded._n_updates) == (80, model._n_updates)
    assert (loaded.batch_size, loaded.gamma, loaded.train_freq) == (8, 1.0, model.train_freq)
    assert loaded.exploration_rate == model.exploration_rate
    moments, own = (m.policy.optimizer.state_dict()["state"] for m in (loaded, model))
    assert all(torch.equal(moments[i][k], v) for i, s in own.items() for k, v in s.items())
    loaded.learn(24, reset_num_timesteps=False)
    assert loaded.num_timesteps == 104


def test_schedules_and_unknown_arguments(tmp_path):
    model = make_model(MaskableDQN, "MultiInputPolicy", learning_rate=lambda _: 1e-3)
    with pytest.raises(ValueError, match=r"learning_rate cannot be saved .* exclude=\[<name>\]"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    model.save(tmp_path / "model", exclude=["learning_rate"])
    assert MaskableDQN.load(tmp_path / "model").learning_rate == 1e-4
    loaded = MaskableDQN.load(tmp_path / "model", learning_rate=LinearSchedule(1.0, 0.0, 1.0))
    assert loaded.lr_schedule(0.5) == 0.5
    for options, message in (
        ({"exclude": ["policy"]}, "exclude may hold arguments of the constructor, not 'policy'"),
        ({"include": ["replay_buffer"]}, "save_replay_buffer writes the replay buffer"),
    ):
        with pytest.raises(ValueError, match=message):
            model.save(tmp_path / "model", **options)
    with pytest.raises(TypeError, match="MaskableDQN has no argument 'learning_rat'"):
        MaskableDQN.load(tmp_path / "model", learning_rat=1.0)


def test_a_policy_of_the_users_is_named(tmp_path):
    class OwnPolicy(MaskableDQNPolicy):
        pass

    make_model(MaskableDQN, OwnPolicy).save(tmp_path / "model")
    with pytest.raises(ValueError, match="pass policy=OwnPolicy"):
        MaskableDQN.load(tmp_path / "model")
    assert isinstance(MaskableDQN.load(tmp_path / "model", policy=OwnPolicy).policy, OwnPolicy)


def test_parameters_of_a_file_that_do_not_fit_change_nothing(tmp_path):
    model = make_model(MaskableDQN, "ProposalPolicy", policy_kwargs={"width": 16})
    model.save(tmp_path / "model")
    other = make_model(MaskableDQN, "ProposalPolicy", policy_kwargs={"width": 24})
    before = {name: value.clone() for name, value in other.policy.state_dict().items()}
    with pytest.raises(ValueError, match=f"{tmp_path / 'model'} does not fit: the weight .* shape"):
        other.set_parameters(tmp_path / "model")
    assert all(torch.equal(v, before[k]) for k, v in other.policy.state_dict().items())
    same = make_model(MaskableDQN, "ProposalPolicy", policy_kwargs={"width": 16})
    same.set_parameters(str(tmp_path / "model.zip"))
    assert torch.equal(same.q_net.q_net.scorer.knots, model.q_net.q_net.scorer.knots)


@pytest.mark.parametrize("goals", [False, True], ids=["plain", "hindsight"])
@pytest.mark.parametrize("steps", [80, 504], ids=["part", "full"])
def test_replay_buffers_come_back(goals, steps, tmp_path):
    kwargs = {"replay_buffer_class": GoalReplayBuffer} if goals else {}
    model = make_model(MaskableDQN, "ProposalPolicy", learning_starts=1000, **kwargs).learn(steps)
    model.save_replay_buffer(tmp_path / "buffer.pkl")
    other = make_model(MaskableDQN, "ProposalPolicy", **kwargs)
    other.load_replay_buffer(str(tmp_path / "buffer"))
    own, found = model.replay_buffer, other.replay_buffer
    assert (found.pos, found.full) == (own.pos, own.full) == (steps % 400, steps > 400)
    for key in own.observations:
        np.testing.assert_array_equal(found.observations[key], own.observations[key])
    np.testing.assert_array_equal(found.rewards, own.rewards)
    batches = []
    for buffer in (own, found):
        set_random_seed(0)
        batches.append(buffer.sample(16))
    assert torch.equal(batches[0].rewards, batches[1].rewards)
    assert torch.equal(batches[0].actions, batches[1].actions)


def test_a_buffer_that_does_not_fit_changes_nothing(tmp_path):
    model = make_model(MaskableDQN, "MultiInputPolicy", learning_starts=1000).learn(64)
    model.save_replay_buffer(tmp_path / "buffer")
    larger = make_model(MaskableDQN, "MultiInputPolicy", buffer_size=900)
    larger.load_replay_buffer(tmp_path / "buffer")
    assert larger.replay_buffer.pos == 64
    for kwargs, message in (
        ({"buffer_size": 30}, "it holds 64 rows, and the model has buffer_size=30"),
        ({"replay_buffer_class": GoalReplayBuffer}, "and the model has a GoalReplayBuffer"),
        ({"env": make_env(num_proposals=4, proposer="dictionary")}, "the model needs"),
        ({"env": make_env(obs_mode="compact")}, "other observations"),
    ):
        other = make_model(MaskableDQN, "MultiInputPolicy", **kwargs)
        with pytest.raises(ValueError, match=f"buffer does not fit the model: .*{message}"):
            other.load_replay_buffer(tmp_path / "buffer")
        assert other.replay_buffer.pos == 0 and not other.replay_buffer.rewards.any()


def test_infos_are_refused_when_the_buffer_is_saved(tmp_path):
    kwargs = {"replay_buffer_kwargs": {"copy_info_dict": True}}
    model = make_model(
        MaskableDQN, "ProposalPolicy", replay_buffer_class=GoalReplayBuffer, **kwargs
    )
    with pytest.raises(ValueError, match="copy_info_dict=True holds objects"):
        model.save_replay_buffer(tmp_path / "buffer")


def test_names_with_and_without_a_suffix(tmp_path):
    for written, asked in (("a", "a.zip"), ("b.zip", "b"), ("c.x", "c.x.zip"), ("d.x.zip", "d.x")):
        (tmp_path / written).touch()
        assert str(find_saved(tmp_path / asked)) == str(tmp_path / written)
        assert str(find_saved(tmp_path / written)) == str(tmp_path / written)
    (tmp_path / "a.zip").touch()
    assert find_saved(str(tmp_path / "a.zip")) == str(tmp_path / "a.zip")
    assert find_saved("nowhere") == "nowhere"


@pytest.mark.parametrize(
    "file", [3, None, b"path", io.StringIO()], ids=["int", "None", "bytes", "StringIO"]
)
def test_other_things_are_no_files(file):
    with pytest.raises(TypeError, match="binary mode"):
        check_file(file)
