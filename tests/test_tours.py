"""The tours of CONTRIBUTING.md: the calls are made, and every function listed is reached."""

import re
import sys
from collections import defaultdict

import gymnasium as gym
import pytest

import gcgen_env  # noqa: F401  registers the ids
from agents import GCGen
from gcgen_env.datasets import find_dataset, load_dataset
from tests.house import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TOURS = {
    title: re.findall(r"^\d+\. `([^:`]+): ([^`]+)`$", body, flags=re.MULTILINE)
    for title, body in re.findall(r"^\*\*`([a-z_.]+)\(.*?\n\n(.*?)\n\n", TEXT, flags=re.M | re.S)
}
MOST_FILES = {"env.step": 11, "model.learn": 14, "model.evaluate_nll": 5, "gym.make": 8}


def trace(call):
    """Return the functions of the two packages that a call enters, by file."""
    entered = defaultdict(set)

    def note(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(ROOT)):
            entered[code.co_filename.removeprefix(f"{ROOT}/")].add(code.co_qualname)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    ours = ("gcgen_env/", "agents/")
    return {path: names for path, names in entered.items() if path.startswith(ours)}


def step():
    env = gym.make("GCGen-Digits-v0").unwrapped
    env.reset(seed=0)
    return trace(lambda: env.step(3))


def learn():
    options = {"n_envs": 8, "batch_size": 8, "gc_interval": 1, "policy_kwargs": {"learned": True}}
    model = GCGen("GCPolicy", "GCGen-Digits-v0", seed=0, **options)
    return trace(lambda: model.learn(8 * 8))


def evaluate_nll():
    model = GCGen("GCPolicy", "GCGen-Digits-v0", n_envs=8, seed=0)
    images = load_dataset("digits", "test").take(range(4))
    return trace(lambda: model.evaluate_nll(images))


def make():
    from gcgen_env.datasets import mnist

    if find_dataset("mnist") is None:
        pytest.skip("MNIST's files are not here; name their folder in $GCGEN_DATA")
    mnist._load_split.cache_clear()
    mnist._read_part.cache_clear()
    return trace(lambda: gym.make("GCGen-MNIST-v0", proposer="dictionary").reset(seed=0))


CALLS = {
    "env.step": step,
    "model.learn": learn,
    "model.evaluate_nll": evaluate_nll,
    "gym.make": make,
}


def test_there_are_four_tours():
    assert set(TOURS) == set(CALLS) == set(MOST_FILES)


@pytest.mark.parametrize("title", CALLS)
def test_every_function_of_a_tour_is_reached(title):
    entered = CALLS[title]()
    missed = [(path, name) for path, name in TOURS[title] if name not in entered.get(path, ())]
    assert missed == []


@pytest.mark.parametrize("title", CALLS)
def test_tours_are_short(title):
    assert 1 < len({path for path, _ in TOURS[title]}) <= MOST_FILES[title]


def test_a_step_enters_no_other_file():
    assert set(step()) == {path for path, _ in TOURS["env.step"]}
