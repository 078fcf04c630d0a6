"""Tensors instead of arrays: the same bits, every conformance check, and no value that is read."""

import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from torch.utils._python_dispatch import TorchDispatchMode

from gcgen_env import GCGenVectorEnv, default_kwargs
from gcgen_env.config import INVALID_ACTIONS, OBS_MODES, REWARD_TYPES
from gcgen_env.model.likelihoods import make_likelihood
from gcgen_env.rewards import measure, measure_tensors
from gcgen_env.tensor_episodes import TensorEpisodes
from gcgen_env.tensor_vector_env import TensorVectorEnv
from gcgen_env.testing import check_vector_env
from tests.gcgen_env.sample_proposers import OnlyPropose

NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
GPU = pytest.param("cuda", marks=[pytest.mark.gpu, NO_GPU])
DIGITS = {**default_kwargs("GCGen-Digits-v0"), "proposer": "dictionary", "horizon": 3}
PEAKED = {"proposer": OnlyPropose(), "nucleus": 0.7}  # some proposals are invalid
MODES = tuple(AutoresetMode)


def to_arrays(value):
    """Convert the tensors in a result to arrays."""
    if isinstance(value, dict):
        return {key: to_arrays(each) for key, each in value.items()}
    return value.cpu().numpy() if isinstance(value, torch.Tensor) else value


class AsArrays(TensorVectorEnv):
    """The results of a `TensorVectorEnv` as those of a `GCGenVectorEnv`, for its checks."""

    def reset(self, **kwargs):
        return tuple(map(to_arrays, super().reset(**kwargs)))

    def step(self, actions):
        *result, infos = map(to_arrays, super().step(actions))
        if "final_obs" in infos:  # one dict for each environment that has ended
            last, infos["final_obs"] = infos["final_obs"], np.full(self.num_envs, None, object)
            for i in np.flatnonzero(infos["_final_obs"]):
                infos["final_obs"][i] = {key: value[i] for key, value in last.items()}
        return *result, infos

    def action_masks(self):
        return super().action_masks().numpy()


def play(envs, num_steps=8, mask_at=5):
    """Return every result of some steps; one environment is reset in between."""
    rng, moments = np.random.default_rng(0), [envs.reset(seed=3)]
    for h in range(num_steps):
        over = not envs._running.all() and envs.autoreset_mode is AutoresetMode.DISABLED
        if h == mask_at or over:
            mask = ~envs._running if over else np.arange(envs.num_envs) == 1
            moments.append(envs.reset(options={"reset_mask": mask}))
        moments.append(envs.step(rng.integers(16, size=envs.num_envs)))
    return moments


def assert_same(made, expected):
    """Compare nested results bit for bit, types included."""
    if isinstance(expected, dict):
        assert list(made) == list(expected)
        for key in expected:
            assert_same(made[key], expected[key])
    elif isinstance(expected, tuple | list) or expected.dtype == object:
        for one, other in zip(made, expected, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                assert_same(one, other)
    else:
        assert made.dtype == expected.dtype
        np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("obs_mode", OBS_MODES)
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"proposer": "pretrained", "horizon": 8},
        {**PEAKED, "reward_type": "sparse"},
        {**PEAKED, "invalid_action": "best_prior", "reward_type": "distance", "reward_scale": 2},
    ],
    ids=["dictionary", "pretrained", "invalid", "best_prior"],
)
def test_tensors_have_the_bits_of_the_arrays(mode, obs_mode, kwargs):
    kwargs = {**DIGITS, **kwargs, "obs_mode": obs_mode, "autoreset_mode": mode}
    made, expected = (kind(5, **kwargs) for kind in (AsArrays, GCGenVectorEnv))
    infos = [each[-1] for each in play(made)], [each[-1] for each in play(expected)]
    for one, other in zip(*infos, strict=True):
        if "final_info" in other:  # arrays say zero, or what they were, where nothing ended
            ended = other["_final_info"]
            assert_same(
                {k: v[ended] for k, v in one.pop("final_info").items()},
                {k: v[ended] for k, v in other.pop("final_info").items()},
            )
        assert_same(one, other)
    for one, other in zip(play(made), play(expected), strict=True):
        assert_same(one[:-1], other[:-1])


@pytest.mark.parametrize("rule", INVALID_ACTIONS)
def test_used_proposals_are_the_same(rule):
    kwargs = {**DIGITS, "single_use": True, "obs_mode": "compact", "invalid_action": rule}
    made, expected = (play(kind(4, **kwargs)) for kind in (AsArrays, GCGenVectorEnv))
    for one, other in zip(made, expected, strict=True):
        np.testing.assert_array_equal(one[0]["action_mask"], other[0]["action_mask"])
        np.testing.assert_allclose(one[0]["log_prior"], other[0]["log_prior"], atol=1e-5)
        np.testing.assert_array_equal(one[0]["observation"], other[0]["observation"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("obs_mode", OBS_MODES)
def test_the_conformance_checks_pass(mode, obs_mode):
    check_vector_env(AsArrays(3, **DIGITS, autoreset_mode=mode, obs_mode=obs_mode))


@pytest.mark.parametrize("reward_type", REWARD_TYPES)
def test_the_conformance_checks_pass_with_invalid_actions(reward_type):
    check_vector_env(AsArrays(3, **{**DIGITS, **PEAKED}, reward_type=reward_type, gamma=0.9))


def test_make_vec_makes_tensors_on_request():
    kwargs = {"num_envs": 2, "proposer": "dictionary"}
    assert type(gym.make_vec("GCGen-Digits-v0", **kwargs)) is GCGenVectorEnv
    assert type(gym.make_vec("GCGen-Digits-v0", **kwargs, obs_device="host")) is GCGenVectorEnv
    envs = gym.make_vec("GCGen-Digits-v0", **kwargs, obs_device="env")
    obs, infos = envs.reset(seed=0)
    results = [*obs.values(), *infos.values(), *envs.step(torch.tensor([1, 2]))[1:4]]
    assert all(type(each) is torch.Tensor for each in results)
    assert envs.single_observation_space.contains(to_arrays({k: v[0] for k, v in obs.items()}))


@pytest.mark.parametrize("value", ["cuda", "cpu", None, 3])
def test_another_value_is_refused(value):
    with pytest.raises(ValueError, match="obs_device must be 'host' or 'env', got"):
        gym.make_vec("GCGen-Digits-v0", num_envs=2, obs_device=value)


@pytest.mark.parametrize(
    ("make", "env_id"),
    [
        (gym.make, "GCGen-Digits-v0"),
        (lambda env_id, **kwargs: gym.make_vec(env_id, 2, **kwargs), "GCGen-Digits-Flat-v0"),
    ],
)
def test_what_makes_arrays_only_says_so(make, env_id):
    make(env_id, obs_device="host", proposer="dictionary")
    with pytest.raises(ValueError, match=r"returns NumPy arrays, got obs_device='env': make a"):
        make(env_id, obs_device="env")


class Foreign:
    """Actions of another library, which knows DLPack alone."""

    def __init__(self, values):
        self.inner = torch.tensor(values)
        self.__dlpack__, self.__dlpack_device__ = (
            self.inner.__dlpack__,
            self.inner.__dlpack_device__,
        )


@pytest.mark.parametrize("wrap", [list, np.array, torch.tensor, Foreign])
def test_actions_of_any_library(wrap):
    envs = TensorVectorEnv(3, **DIGITS)
    envs.reset(seed=0)
    obs, *_ = envs.step(wrap([1, 5, 2]))
    assert torch.from_dlpack(obs["observation"]).data_ptr() == obs["observation"].data_ptr()


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (torch.tensor([0, 1, 16]), r"must lie in \[0, 16\)"),
        (torch.tensor([0.0, 1, 2]), "actions must be 3 integers"),
        (
            torch.zeros(3, device="meta"),
            r"actions must be 3 integers in \[0, 16\), got torch.float",
        ),
        (torch.zeros(2, dtype=torch.int64, device="meta"), r"of shape \(2,\)"),
        (torch.zeros(3, dtype=torch.bool, device="meta"), "torch.bool"),
    ],
    ids=str,
)
def test_wrong_actions_are_refused(actions, message):
    envs = TensorVectorEnv(3, **DIGITS)
    with pytest.raises(ResetNeeded):
        envs.step([0, 1, 2])
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        envs.step(actions)


def test_actions_that_are_not_read_can_be_out_of_range():
    episodes = TensorVectorEnv(3, **DIGITS).episodes
    _, invalid, skipped = episodes._choose(torch.tensor([-1, 3, 16]), slice(None))
    assert invalid.tolist() == skipped.tolist() == [True, False, True]


def test_a_picture_is_that_of_the_arrays():
    made, expected = (
        kind(2, **DIGITS, render_mode="rgb_array") for kind in (TensorVectorEnv, GCGenVectorEnv)
    )
    for envs in (made, expected):
        envs.reset(seed=0)
        envs.step(np.array([1, 2]))
    np.testing.assert_array_equal(np.stack(made.render()), np.stack(expected.render()))


@pytest.mark.parametrize("obs_mode", OBS_MODES)
def test_copies_go_on_with_the_same_bits(obs_mode):
    envs = AsArrays(3, **{**DIGITS, "proposer": "pretrained", "horizon": 8}, obs_mode=obs_mode)
    envs.reset(seed=0)
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    envs.step(np.array([1, 5, 2]))
    twin = copy.deepcopy(envs)
    for _ in range(2):
        assert_same(twin.step(np.array([3, 4, 5])), envs.step(np.array([3, 4, 5])))


@pytest.mark.parametrize("name", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("binary", [True, False])
def test_potentials_of_tensors_are_those_of_arrays(name, binary, monkeypatch):
    rng = np.random.default_rng(0)
    image, goal = rng.random((2, 7, 1, 9, 9), dtype=np.float32)
    image[0, 0, 0, :4] = 0, 1, 1e-6, 1  # clipped
    goal = np.round(goal) if binary else goal
    likelihood = make_likelihood(name, 3)
    expected = measure(likelihood, image, goal)
    monkeypatch.setattr(torch.Tensor, "is_cpu", False)  # as on another device
    made = measure_tensors(likelihood, torch.from_numpy(image), torch.from_numpy(goal))
    for one, other in zip(made, expected, strict=True):
        assert one.dtype is torch.float64
        np.testing.assert_allclose(one.numpy(), other, rtol=1e-9)


class Uploads(TorchDispatchMode):
    """Counts copies from the CPU to another device, and fails where a value is read."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert "_local_scalar_dense" not in str(func), "a value was read"
        result = func(*args, **(kwargs or {}))
        if "_to_copy" in str(func) or "copy_" in str(func):
            source = args[1] if "copy_" in str(func) else args[0]
            assert result.device.type != "cpu" or source.device.type == "cpu", "a tensor was read"
            if source.device != result.device:
                self.bytes += source.nbytes
        return result


def move(envs, device):
    """Move the state of environments, and their proposer, to a device without values."""
    episodes = envs.episodes
    chain = episodes.chain
    network = chain.proposer.to(device)
    moved = type(chain)(network, chain.dynamics.to(device), chain.likelihood, chain.nucleus)
    episodes.device, episodes.chain = torch.device(device), moved
    episodes._allocate()
    return envs


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("obs_mode", OBS_MODES)
@pytest.mark.parametrize("reward_type", REWARD_TYPES)
@pytest.mark.parametrize("device", ["meta", GPU])
def test_a_step_waits_for_nothing(device, obs_mode, mode, reward_type):
    kwargs = {**default_kwargs("GCGen-Digits-v0"), "autoreset_mode": mode, "obs_mode": obs_mode}
    envs = move(TensorVectorEnv(4, **kwargs, reward_type=reward_type), device)
    if device == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        envs.reset(seed=0)
        action = torch.zeros(4, dtype=torch.int64, device=device)
        seen = []
        for _ in range(2 * envs.config.horizon + 2):
            with Uploads() as uploads:
                obs, reward, terminated, *_ = envs.step(action)
            seen.append(uploads.bytes)
            assert {each.device.type for each in (*obs.values(), reward, terminated)} == {device}
        envs.reset(options={"reset_mask": np.array([True, False, True, False])})
        envs.step(action)  # some episodes are at another step than the others
    finally:
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("default")
    goals = 4 * (8 * 8 * 4 + 8)  # bytes of four goals and their indices
    ended = 4 if mode == "SameStep" else 0  # `_final_obs`
    assert set(seen) == {8, 8 + goals + ended}  # two ends for each, and goals at a reset


def test_the_device_without_values_detects_what_reads_them():
    envs = move(GCGenVectorEnv(4, **default_kwargs("GCGen-Digits-v0")), "meta")
    with pytest.raises(NotImplementedError, match="meta tensor"):
        envs.reset(seed=0)


@pytest.mark.gpu
@NO_GPU
@pytest.mark.parametrize("obs_mode", OBS_MODES)
def test_a_gpu_computes_what_the_cpu_does(obs_mode):
    kwargs = {**default_kwargs("GCGen-Digits-v0"), "obs_mode": obs_mode}
    made = play(AsArrays(4, **kwargs, device="cuda"), mask_at=99)
    for one, other in zip(made, play(AsArrays(4, **kwargs), mask_at=99), strict=True):
        for key in other[0]:
            np.testing.assert_allclose(one[0][key], other[0][key], rtol=1e-4, atol=1e-4)


def test_only_some_subsets_stay_on_the_device(monkeypatch):
    monkeypatch.setattr("gcgen_env.tensor_episodes.MOST_SUBSETS", 2)
    envs = TensorVectorEnv(6, **DIGITS)
    envs.reset(seed=0)
    for i in range(6):
        envs.reset(options={"reset_mask": np.arange(6) == i})
    assert isinstance(envs.episodes, TensorEpisodes) and len(envs.episodes._uploaded) <= 2
