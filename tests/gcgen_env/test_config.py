"""The configuration: bounds of its numbers, JSON values, unknown keywords, documented fields."""

import json
import tracemalloc
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from gcgen_env import EnvConfig
from gcgen_env.datasets import Dataset
from gcgen_env.datasets.sources import IdxSource
from gcgen_env.goals import GoalSampler
from gcgen_env.testing.episodes import TimeStep
from gcgen_env.viewer import Frame


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("gamma", -1e-13, "at least 0 and at most 1"),
        ("gamma", 1 + 1e-9, "at least 0 and at most 1"),
        ("success_threshold", -1e-13, "at least 0 and finite"),
        ("success_threshold", np.inf, "at least 0 and finite"),
        ("sigma", 0.0, "above 0 and finite"),
        ("sigma", np.nan, "above 0 and finite"),
        ("nucleus", 0.0, "above 0 and at most 1"),
    ],
)
def test_values_beyond_a_bound_are_refused(name, value, wanted):
    with pytest.raises(ValueError, match=f"^{name} must be {wanted}, got {value}$"):
        EnvConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("gamma", 0), ("gamma", 1), ("success_threshold", 0), ("sigma", 1e-13), ("nucleus", 1e-13)],
)
def test_values_at_an_inclusive_bound_are_accepted(name, value):
    assert getattr(EnvConfig(**{name: value}), name) == value


def find_documented(cls):
    """Return the names under "Attributes:" in a docstring."""
    section = cls.__doc__.partition("    Attributes:\n")[2].partition("\n\n")[0]
    lines = [line for line in section.splitlines() if line.startswith(" " * 8 + line.strip()[:1])]
    return [line.partition(":")[0].strip() for line in lines]


@pytest.mark.parametrize(
    "cls",
    [EnvConfig, Dataset, GoalSampler, IdxSource, Frame, TimeStep],
    ids=lambda cls: cls.__name__,
)
def test_help_explains_every_field(cls):
    names = cls._fields if issubclass(cls, tuple) else [field.name for field in fields(cls)]
    assert find_documented(cls) == list(names)


def test_numpy_numbers_paths_and_devices_become_json_values():
    config = EnvConfig(
        num_proposals=np.int64(5), horizon=np.int32(2), sigma=np.float32(0.5), rate=np.ones(2),
        image_size=np.int64(4), device=torch.device("cpu"), data_dir=Path("here"),
    )  # fmt: skip
    assert json.loads(json.dumps(vars(config))) == vars(config)
    assert (config.rate, config.device, config.data_dir) == ([1.0, 1.0], "cpu", "here")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": "fast"}, "rate must be one number or a list of 10, got 'fast'"),
        ({"rate": -1}, r"rate must lie in \[0, 1e\+06\], got -1"),
        ({"rate": 1e38}, r"rate must lie in \[0, 1e\+06\], got 1e\+38"),
        ({"rate": [1.0] * 9 + [float("nan")]}, "rate must lie in"),
        ({"horizon": 10**12}, "horizon must be at most 1,000,000, got 1000000000000"),
        ({"num_proposals": 10**400}, "num_proposals must be at most 1,000,000"),
        ({"sigma": 10**400}, "sigma must be above 0 and finite"),
        ({"sigma": 1j}, "sigma must be a number, got 1j"),
        ({"gamma": np.complex64(1)}, "gamma must be a number"),
        ({"binarize": "no"}, "binarize must be True, False or None, got 'no'"),
        ({"binarize": True}, "binarize=True needs likelihood='bernoulli', got 'gaussian': leave"),
        ({"image_size": 0}, "image_size must be at least 1"),
    ],
)
def test_other_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        EnvConfig(**options)


def test_a_configuration_takes_no_memory_for_its_horizon():
    """A file may claim any horizon; only the chain needs a rate for each step."""
    tracemalloc.start()
    EnvConfig("digits", horizon=10**6, rate=0.5)
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


def test_goals_are_binarised_with_the_bernoulli_likelihood_unless_told_otherwise():
    configs = {
        (likelihood, binarize): EnvConfig(likelihood=likelihood, binarize=binarize)
        for likelihood, binarize in [
            ("bernoulli", None), ("bernoulli", True), ("bernoulli", False),
            ("gaussian", None), ("gaussian", False),
        ]
    }  # fmt: skip
    binary = [pair for pair, config in configs.items() if config.has_binary_goals]
    assert binary == [("bernoulli", None), ("bernoulli", True)]
