"""A refused `reset` and a raising `step` leave an environment and its generators as they were."""

import numpy as np
import pytest
from gymnasium.error import Error
from gymnasium.vector import AutoresetMode

from gcgen_env import GCGenEnv, GCGenVectorEnv, default_kwargs
from gcgen_env.config import OBS_MODES
from gcgen_env.testing.episodes import choose_valid, find_difference
from tests.gcgen_env.sample_proposers import OnlyPropose

DIGITS = {**default_kwargs("GCGen-Digits-v0"), "nucleus": 0.8}
KINDS = ("single", *(mode.value for mode in AutoresetMode))
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
EACH_MODE = pytest.mark.parametrize("obs_mode", OBS_MODES)
H = 8


class Broken(OnlyPropose):
    """A proposer that fails on demand, at any step or at one of them."""

    failure = None
    at = None

    def propose(self, canvas, step):
        delta, log_prior = super().propose(canvas, step)
        if self.failure is None or (self.at is not None and not (step == self.at).any()):
            return delta, log_prior
        if self.failure == "raise":
            raise RuntimeError("the proposer broke down")
        bad = torch_nan(delta) if self.failure == "NaN changes" else delta
        return bad, torch_nan(log_prior) if self.failure == "NaN prior" else log_prior


def torch_nan(table):
    return table * float("nan")


def make(kind, obs_mode="pixels", proposer=None):
    kwargs = {**DIGITS, "obs_mode": obs_mode, "proposer": proposer or OnlyPropose()}
    if kind == "single":
        return GCGenEnv(**kwargs)
    return GCGenVectorEnv(3, autoreset_mode=kind, **kwargs)


def go_on(env, obs, num_steps=H + 3):
    """Step an environment, reset it where it ends, and return all results."""
    choose, results = choose_valid(1), []
    resets_itself = getattr(env, "autoreset_mode", None) in (
        AutoresetMode.NEXT_STEP,
        AutoresetMode.SAME_STEP,
    )
    for _ in range(num_steps):
        over = np.all(obs["step"] == 1) and not resets_itself
        results.append(env.reset() if over else env.step(choose(obs)))
        obs = results[-1][0]
    return [*results, env.reset(), env.np_random.random(), env.np_random_seed]


def walk(env, num_steps, seed=0):
    """Reset with a seed and step; return the last observation."""
    obs, _ = env.reset(seed=seed)
    for h in range(num_steps):
        obs, *_ = env.step(choose_valid(h)(obs))
    return obs


def go_on_from(env, num_steps):
    """Walk, then go on."""
    return go_on(env, walk(env, num_steps))


WRONG_RESETS = {
    "unknown option": {"options": {"gaol": 1}},
    "options of a wrong type": {"options": [1]},
    "goal of a wrong shape": {"options": {"goal": np.zeros(3)}},
    "goal that is not finite": {"options": {"goal": np.full((1, 8, 8), np.inf)}},
    "goal index out of range": {"options": {"goal_index": 10**9}},
    "two goals": {"options": {"goal": np.zeros((1, 8, 8)), "goal_index": 1}},
    "initial state after drawing a goal": {"options": {"initial_state": np.full((1, 8, 8), 7.0)}},
    "negative seed": {"seed": -1},
    "seed of a wrong type": {"seed": "a"},
    "fractional seed": {"seed": 0.5},
}
WRONG_VECTOR_RESETS = {
    "too few seeds": {"seed": [1, 2]},
    "negative among the seeds": {"seed": [1, None, -2]},
    "bool among the seeds": {"seed": [1, True, 2]},
    "mask of a wrong shape": {"options": {"reset_mask": np.array([True])}},
    "empty mask": {"options": {"reset_mask": np.zeros(3, bool)}},
    "seeds and a wrong option": {"seed": [4, 5, 6], "options": {"goal": np.zeros(2)}},
    "mask and a wrong goal": {
        "options": {"reset_mask": np.array([True, False, True]), "goal": np.zeros(2)}
    },
}


def list_wrong_resets(kind):
    """Return the arguments of wrong resets, with and without a seed that is right."""
    wrong = {**WRONG_RESETS, **({} if kind == "single" else WRONG_VECTOR_RESETS)}
    seeded = {f"{name}, and a seed": {"seed": 5, **kwargs} for name, kwargs in wrong.items()}
    return wrong | seeded


@EACH_KIND
@EACH_MODE
@pytest.mark.parametrize("num_steps", [0, 3, H])
def test_a_refused_reset_changes_nothing(kind, obs_mode, num_steps):
    expected = go_on_from(make(kind, obs_mode), num_steps)
    env = make(kind, obs_mode)
    obs = walk(env, num_steps)
    for name, kwargs in list_wrong_resets(kind).items():
        with pytest.raises((ValueError, Error)):
            env.reset(**kwargs)
            pytest.fail(name)
    assert find_difference(go_on(env, obs), expected) is None


@EACH_KIND
def test_a_refused_first_reset_leaves_an_environment_without_a_generator(kind):
    env = make(kind)
    for kwargs in list_wrong_resets(kind).values():
        with pytest.raises((ValueError, Error)):
            env.reset(**kwargs)
    assert env._np_random is None and env._np_random_seed is None and env._generators is None
    runs = [go_on(each, walk(each, 0)) for each in (env, make(kind))]
    assert find_difference(*runs) is None


@EACH_KIND
@EACH_MODE
@pytest.mark.parametrize("failure", ["raise", "NaN changes", "NaN prior"])
@pytest.mark.parametrize("num_steps", [0, 2, H - 2, H - 1])
def test_a_step_that_raises_changes_nothing(kind, obs_mode, failure, num_steps):
    expected = go_on_from(make(kind, obs_mode), num_steps)
    proposer = Broken()
    env = make(kind, obs_mode, proposer)
    obs = walk(env, num_steps)
    proposer.failure = failure
    ends_alone = num_steps == H - 1 and kind != "SameStep"  # no proposals at h = H
    if not ends_alone:
        with pytest.raises((ValueError, RuntimeError), match="the proposer"):
            env.step(choose_valid(1)(obs))
    with pytest.raises((ValueError, RuntimeError), match="the proposer"):
        env.reset(seed=4)
    for wrong in (-1, 16, 0.5, "a", None, [[0]], np.full(3, 99)):
        with pytest.raises(ValueError, match="action"):
            env.step(wrong)
    proposer.failure = None
    assert find_difference(go_on(env, obs), expected) is None


@pytest.mark.parametrize("seed", [0, [3, None, 4]], ids=str)
@pytest.mark.parametrize("kind", ["NextStep", "SameStep"])
@EACH_MODE
def test_a_step_whose_automatic_reset_raises_changes_nothing(kind, obs_mode, seed):
    """The other environments have been stepped, or could have been, when the reset fails."""
    proposer = Broken()
    env, twin = make(kind, obs_mode, proposer), make(kind, obs_mode)
    for each in (env, twin):
        each.reset(seed=1)
        each.reset(seed=seed)
        each.step(np.zeros(3, int))
        obs, _ = each.reset(options={"reset_mask": np.array([True, False, False])})
        for h in range(H - 1 if kind == "NextStep" else H - 2):
            obs, *_ = each.step(choose_valid(h)(obs))
    proposer.failure, proposer.at = "raise", 0
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broke down"):
            env.step(choose_valid(1)(obs))
    proposer.failure = None
    assert find_difference(go_on(env, obs), go_on(twin, obs)) is None


def test_a_user_defined_proposer_that_fails_in_a_later_block_changes_nothing(monkeypatch):
    monkeypatch.setattr("gcgen_env.proposal_cache.BLOCK_BYTES", 1)  # a block for each state
    proposer = Broken()
    env, twin = make("SameStep", proposer=proposer), make("SameStep")
    obs, other = (walk(each, 2) for each in (env, twin))
    env.reset(options={"reset_mask": np.array([False, False, True]), "goal_index": 0})
    twin.reset(options={"reset_mask": np.array([False, False, True]), "goal_index": 0})
    proposer.failure, proposer.at = "NaN changes", 1  # only the last environment
    with pytest.raises(ValueError, match="must be finite"):
        env.step(choose_valid(1)(obs))
    proposer.failure = None
    assert find_difference(go_on(env, obs), go_on(twin, other)) is None
