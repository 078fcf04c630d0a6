"""Copies and pickles: at every step of an episode they go on with the same bits."""

import copy
import pickle

import pytest

from gcgen_env import GCGenEnv, GCGenVectorEnv, default_kwargs
from gcgen_env.config import OBS_MODES
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent
from gcgen_env.testing.episodes import choose_valid, find_difference
from tests.gcgen_env.sample_proposers import CountingProposer, OnlyPropose

DIGITS = default_kwargs("GCGen-Digits-v0")
PROPOSERS = {
    "pretrained": lambda: "pretrained",
    "dictionary": lambda: "dictionary",
    "S-agent": lambda: SAgent.load(pretrained_path("digits")),
    "propose alone": OnlyPropose,
    "optional methods": CountingProposer,
}
DUPLICATES = {
    "copy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
    "copy of a pickle": lambda env: copy.deepcopy(pickle.loads(pickle.dumps(env))),
}
H = 8


def make(kind, **kwargs):
    kwargs = {**DIGITS, "nucleus": 0.8, **kwargs}
    if kind == "single":
        return GCGenEnv(**kwargs)
    return GCGenVectorEnv(3, autoreset_mode=kind, **kwargs)


def act(env, action):
    """Step an environment, or reset it if its episode is over."""
    return env.reset() if action is None else env.step(action)


@pytest.mark.parametrize("kind", ["single", "NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize("obs_mode", OBS_MODES)
@pytest.mark.parametrize("proposer", PROPOSERS)
def test_a_copy_goes_on_with_the_same_bits_at_every_step(proposer, obs_mode, kind):
    env = make(kind, proposer=PROPOSERS[proposer](), obs_mode=obs_mode)
    obs, _ = env.reset(seed=0)
    choose, copies, actions, results = choose_valid(0), [], [], []
    for h in range(H + 3):
        copies.append({name: duplicate(env) for name, duplicate in DUPLICATES.items()})
        over = kind in ("single", "Disabled") and h == H
        actions.append(None if over else choose(obs))
        results.append(act(env, actions[-1]))
        obs = results[-1][0]
    for h, twins in enumerate(copies):
        for name, twin in twins.items():
            for action, result in list(zip(actions, results, strict=True))[h : h + 2]:
                assert find_difference(act(twin, action), result) is None, (name, h)
