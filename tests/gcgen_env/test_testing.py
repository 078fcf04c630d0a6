"""The conformance checks: each fails on an environment with the defect that it looks for.

`test_env.py` and `test_vector_env.py` run them on every registered id.
"""

import gymnasium as gym
import numpy as np
import pytest

from gcgen_env import GCGenEnv, GCGenVectorEnv, default_kwargs
from gcgen_env.testing import (
    GOAL_ENV_CHECKS,
    VECTOR_ENV_CHECKS,
    check_goal_env,
    check_vector_env,
    checks,
)
from gcgen_env.testing.episodes import choose_valid, expect_raises, find_arrays, find_difference
from tests.gcgen_env.mutants import GOAL_ENV_MUTANTS, VECTOR_ENV_MUTANTS
from tests.gcgen_env.sample_proposers import OnlyPropose

DIGITS = {**default_kwargs("GCGen-Digits-v0"), "nucleus": 0.7}


def make_kwargs():
    return {**DIGITS, "proposer": OnlyPropose()}


@pytest.mark.parametrize("mutant", GOAL_ENV_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_goal_env_mutant_is_caught(mutant):
    check, message = GOAL_ENV_MUTANTS[mutant]
    check(GCGenEnv(**make_kwargs()), 0)
    with pytest.raises(AssertionError, match=message):
        check(mutant(**make_kwargs()), 0)
    with pytest.raises(AssertionError):
        check_goal_env(mutant(**make_kwargs()))


@pytest.mark.parametrize("mutant", VECTOR_ENV_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_vector_env_mutant_is_caught(mutant):
    check, mode, message = VECTOR_ENV_MUTANTS[mutant]
    check(GCGenVectorEnv(3, autoreset_mode=mode, **make_kwargs()), 0)
    with pytest.raises(AssertionError, match=message):
        check(mutant(3, autoreset_mode=mode, **make_kwargs()), 0)
    with pytest.raises(AssertionError):
        check_vector_env(mutant(3, autoreset_mode=mode, **make_kwargs()))


def test_every_check_has_a_mutant():
    assert {check for check, *_ in GOAL_ENV_MUTANTS.values()} == set(GOAL_ENV_CHECKS)
    assert {check for check, *_ in VECTOR_ENV_MUTANTS.values()} == set(VECTOR_ENV_CHECKS)


def test_every_check_says_what_it_checks():
    for check in {*GOAL_ENV_CHECKS, *VECTOR_ENV_CHECKS}:
        assert check.__name__.startswith("check_") and check.__doc__.startswith("Check ")


def test_wrapped_environments_are_unwrapped(monkeypatch):
    checked = []
    monkeypatch.setattr(checks, "GOAL_ENV_CHECKS", [lambda env, seed: checked.append(env)])
    env = gym.make("GCGen-Digits-v0", proposer="dictionary", horizon=2)
    check_goal_env(gym.wrappers.RecordEpisodeStatistics(env))
    assert checked == [env.unwrapped]


@pytest.mark.parametrize("check", [check_goal_env, check_vector_env])
def test_other_environments_are_refused(check):
    with pytest.raises(ValueError, match=r"checks a GCGen.*Env, got CartPoleEnv"):
        check(gym.make("CartPole-v1"))


@pytest.mark.parametrize(
    ("first", "second", "where"),
    [
        ({"a": 1}, {"b": 1}, r"it has the keys \['a'\] and \['b'\]"),
        ({"a": np.zeros(2)}, {"a": np.ones(2)}, r"it\['a'\] differs by up to 1"),
        ([np.zeros(2)], [np.zeros(3)], r"it\[0\] is float64 of shape \(2,\) and float64"),
        (np.float32(0), np.float64(0), "it is float32"),
        ([1, 2], [1], "it has 2 and 1 entries"),
        ([None], [0], r"it\[0\] is None and 0"),
    ],
)
def test_find_difference_says_where(first, second, where):
    with pytest.raises(AssertionError, match=where):
        raise AssertionError(find_difference(first, second))


def test_find_difference_of_equals():
    nested = {"a": [np.arange(3), None, {"b": True}], "c": np.array([None, {"d": 1.0}])}
    assert find_difference(nested, nested) is None
    assert find_difference(np.zeros(2), np.full(2, 1e-6), tolerance=1e-5) is None
    assert [name for name, _ in find_arrays(nested)] == ["['a'][0]"]


def test_expect_raises_tells_another_error_from_none():
    expect_raises(ValueError, lambda: int("x"), "must raise")
    with pytest.raises(AssertionError, match="must raise, got KeyError: 1"):
        expect_raises(ValueError, lambda: {}[1], "must raise")
    with pytest.raises(AssertionError, match="must raise, got no error"):
        expect_raises(ValueError, int, "must raise")


def test_choose_valid_is_uniform_over_valid_actions():
    choose = choose_valid(0)
    mask = np.tile(np.array([1, 0, 1, 1], np.int8), (3000, 1))
    counts = np.bincount(choose({"action_mask": mask}), minlength=4)
    assert counts[1] == 0
    assert all(abs(count - 1000) < 120 for count in counts[[0, 2, 3]])  # 4.6 sd
