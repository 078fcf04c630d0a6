"""`batch_size="auto"`: the rule, with invented memory; and that measuring changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents import GCGen
from agents.gcgen import batch_choice
from agents.gcgen.batch_choice import Cost, choose, make_trial, settle_batch_size
from agents.gcgen.config import GCGenConfig
from tests.agents.conftest import make_model

FREE = 10**9
FAST = 1e-3
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class Device:
    """A GPU whose updates take so many bytes and seconds."""

    def __init__(self, num_bytes=lambda num: 0, seconds=lambda num: FAST):
        self.num_bytes, self.seconds, self.seen = num_bytes, seconds, []

    def __call__(self, num):
        self.seen.append(num)
        return Cost(self.num_bytes(num), self.seconds(num))


def test_the_largest_batch_that_fits_its_share():
    device = Device(num_bytes=lambda num: 10**6 * num)  # 512 take 51 %, 1,024 too much
    choice = choose(device, FREE)
    assert choice.size == 512 and device.seen == [8, 16, 32, 64, 128, 256, 512, 1024]
    assert choice.reason == (
        "an update takes 0.51 of 1.0 GB, and twice as many would take more than 60% of the free "
        "memory"
    )


def test_no_larger_than_what_is_faster():
    device = Device(seconds=lambda num: FAST * max(num, 100))  # 128 and more: linear
    choice = choose(device, FREE)
    assert choice.size == 128 and "would not be faster for each image" in choice.reason


def test_there_is_a_largest_batch():
    assert choose(Device(), FREE).size == batch_choice.MOST


def test_a_batch_for_which_the_memory_is_too_small():
    def measure(num):
        if num > 32:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return Cost(0, FAST)

    assert choose(measure, FREE).size == 32


def test_a_gpu_that_is_full():
    with pytest.raises(ValueError, match=r"8 trajectories needs more than 60% of the 1.0 GB"):
        choose(Device(num_bytes=lambda num: FREE), FREE)


def test_without_a_gpu_it_is_the_default():
    model = make_model(batch_size="auto", n_envs=128)
    assert model.config.batch_size == GCGenConfig.batch_size == batch_choice.DEFAULT
    assert model.batch_reason == "the default without a GPU"
    assert make_model().batch_reason is None


def test_the_number_is_saved_and_enough_goals_are_drawn(monkeypatch, tmp_path):
    model, other = (make_model(n_envs=16, batch_size=16) for _ in range(2))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (FREE, FREE))
    monkeypatch.setattr(batch_choice, "measure_update", lambda model, num: Cost(10**7 * num, FAST))
    model.config = replace(model.config, batch_size="auto")
    model.device = torch.device("cuda")  # where the measurement would be made
    settle_batch_size(model)
    model.device = torch.device("cpu")
    assert (model.config.batch_size, model.config.n_envs, model.n_envs) == (32, 32, 32)
    assert model.env.num_envs == 32
    np.testing.assert_array_equal(model.env.sample_index()[:16], other.env.sample_index())
    model.learn(32 * 8)
    model.save(tmp_path / "model.gcgen")
    assert GCGen.load(tmp_path / "model.gcgen").config.batch_size == 32


@pytest.mark.parametrize("kwargs", [{}, {"policy_kwargs": {"learned": True}}])
def test_a_trial_leaves_the_model_and_its_draws_alone(kwargs):
    trained = [make_model(n_envs=16, batch_size=16, **kwargs) for _ in range(2)]
    before = torch.get_rng_state()
    update = make_trial(trained[0], 8)
    update()
    assert torch.equal(torch.get_rng_state(), before)
    for model in trained:
        model.learn(2 * 16 * 8)
    one, other = (model.s_agent.network.state_dict() for model in trained)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("value", ["large", 0, None])
def test_wrong_values_are_refused(value):
    with pytest.raises(ValueError, match="batch_size must be"):
        make_model(batch_size=value)


@pytest.mark.gpu
@NO_GPU
def test_a_gpu_is_measured():
    model = make_model(batch_size="auto", device="cuda")
    size = model.config.batch_size
    assert size & (size - 1) == 0 and "an update takes" in model.batch_reason
    assert batch_choice.measure_update(model, 8).num_bytes > 0
