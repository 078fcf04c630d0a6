"""The training options: their checks, the learning-rate schedule, the precision."""

from contextlib import nullcontext
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from agents.gcgen.config import (
    GCGenConfig,
    ObjectiveName,
    Precision,
    check_json,
    check_seed,
    check_total_timesteps,
    to_json,
)
from agents.gcgen.objectives import OBJECTIVES
from agents.gcgen.precision import PRECISIONS, find_dtype
from tests.agents.conftest import make_model

NAN, INF = float("nan"), float("inf")
SMALLEST = {"n_envs": 1, "batch_size": 1, "gc_interval": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": lambda progress: 1e-3}, "learning_rate must be a number: a callable"),
        ({"gc_learning_rate": abs}, "gc_learning_rate must be a number: a callable"),
        ({"learning_rate": -1.0}, "learning_rate must be finite and not negative, got -1"),
        ({"learning_rate": NAN}, "learning_rate must be finite and not negative, got nan"),
        ({"gc_learning_rate": INF}, "gc_learning_rate must be finite and not negative, got inf"),
        ({"auxiliary": -0.1}, "auxiliary must be finite and not negative, got -0.1"),
        ({"auxiliary": NAN}, "auxiliary must be finite and not negative, got nan"),
        ({"weight_decay": -0.1}, "weight_decay must be finite and not negative, got -0.1"),
        ({"weight_decay": NAN}, "weight_decay must be finite and not negative, got nan"),
        ({"gc_interval": 0}, r"gc_interval must be at least 1 .*, got 0"),
        ({"batch_size": 0}, r"batch_size must be at least 1 .*, got 0"),
        ({"n_envs": 0}, r"n_envs must be at least 1 .*, got 0"),
        (
            {"lr_schedule": "step"},
            "lr_schedule must be one of linear, cosine, constant; got 'step'",
        ),
        ({"precision": "float16"}, "precision must be one of auto, float32, bfloat16; got"),
        ({"gc_objective": "ppo"}, "gc_objective must be one of leave_one_out, .* got 'ppo'"),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
def test_an_option_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        GCGenConfig(**options).check()


@pytest.mark.parametrize("value", [2.5, True, "3"])
def test_a_number_of_environments_that_is_no_integer_is_named(value):
    with pytest.raises(ValueError, match="n_envs must be an integer, got"):
        GCGenConfig(n_envs=value).check()


def test_the_defaults_and_the_smallest_values_are_accepted():
    GCGenConfig().check()
    rates = {"learning_rate": 0, "gc_learning_rate": 0, "auxiliary": 0}
    GCGenConfig(**rates, **SMALLEST).check()
    model = make_model(**rates, **SMALLEST)
    assert vars(model.config) == {**vars(GCGenConfig()), **rates, **SMALLEST}


@pytest.mark.parametrize(("schedule", "quarter"), [("linear", 0.75), ("cosine", 0.8535534)])
def test_a_schedule_falls_from_one_to_zero_after_the_warm_up(schedule, quarter):
    config = GCGenConfig(lr_schedule=schedule)
    moments = ((0, 0.0), (9, 0.0), (19, 0.0), (250, 0.25), (500, 0.5), (1000, 1.0))
    factors = [config.learning_rate_factor(progress, updates) for updates, progress in moments]
    np.testing.assert_allclose(factors, [0.05, 0.5, 1, quarter, 0.5, 0], atol=1e-7)


def test_a_constant_rate_warms_up_too():
    config = GCGenConfig(lr_schedule="constant")
    factors = [config.learning_rate_factor(p, u) for u, p in ((0, 0.0), (9, 0.5), (500, 1.0))]
    assert factors == [0.05, 0.5, 1.0]


def test_the_precision_is_that_of_the_option_or_of_the_machine(monkeypatch):
    cpu = torch.device("cpu")
    assert find_dtype("bfloat16", cpu) is torch.bfloat16
    assert find_dtype("float32", cpu) is torch.float32
    for fast, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(
            torch.cpu, "_is_avx512_bf16_supported", lambda fast=fast: fast, raising=False
        )
        assert find_dtype("auto", cpu) is dtype


def test_a_gpu_that_emulates_bfloat16_has_float32(monkeypatch):
    gpu = torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext(asked.append(device)))
    for emulates, dtype in ((True, torch.float32), (False, torch.bfloat16)):
        asked = []
        monkeypatch.setattr(
            torch.cuda,
            "is_bf16_supported",
            lambda including_emulation=True, emulates=emulates: including_emulation or not emulates,
        )
        assert find_dtype("auto", gpu) is dtype and asked == [gpu]


def test_every_name_of_an_option_is_known():
    assert set(get_args(ObjectiveName)) == set(OBJECTIVES)
    assert set(get_args(Precision)) == {"auto", *PRECISIONS}


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match="seed must lie in"):
        check_seed(seed)
    check_seed(None)
    check_seed(2**32 - 1)


@pytest.mark.parametrize("timesteps", [-5, 0, 0.5, 1.5, NAN, INF])
def test_timesteps_must_be_a_positive_whole_number(timesteps):
    with pytest.raises(ValueError, match="total_timesteps must be a positive integer, got"):
        check_total_timesteps(timesteps)
    assert check_total_timesteps(1e6) == 1_000_000


def test_numpy_numbers_and_paths_become_json():
    document = {"a": np.float32(0.5), "b": np.arange(2), "c": Path("x"), "d": (1, None)}
    assert to_json(document) == {"a": 0.5, "b": [0, 1], "c": "x", "d": [1, None]}


def test_an_option_that_json_cannot_hold_is_named():
    check_json(one={"width": 3}, two=None)
    with pytest.raises(ValueError, match=r"two must hold JSON .* type is not a JSON value"):
        check_json(one={"width": 3}, two={"activation_fn": torch.nn.ReLU})
