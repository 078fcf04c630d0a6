"""Algorithms of users: loaded by module and class, trained and measured as ours are."""

import json
import sys

import pytest

from agents.benchmark.contestants import find_contestant, select_contestants
from agents.benchmark.custom import hash_source
from agents.benchmark.execution import execute
from agents.benchmark.study import RESULT, plan

NAME, PLANE = "examples.benchmark_agent:OftenGood", "GCGen-PlaneReach-v0"
PPO_FILE = """
from stable_baselines3 import PPO

class Mine(PPO):
    look_ahead = "one step"
    tracks = ("previews",)
    num_envs = 4
    most_timesteps = 64

    def __init__(self, env, seed):
        super().__init__("MultiInputPolicy", env, n_steps=8, batch_size=16, seed=seed)
"""


def test_it_is_evaluated_along_the_way_and_learns(tmp_path):
    (run,) = plan([PLANE], [NAME], 1, 4096, evaluations=2)
    assert run.track == "compact"
    assert execute(run, tmp_path) is None
    curve = json.loads((run.folder(tmp_path) / RESULT).read_text())["curve"]
    assert [point["steps"] for point in curve] == [0, 2048, 4096]
    assert curve[-1]["score"] > curve[0]["score"] + 1
    assert curve[-1]["invalid_rate"] == 0


def test_an_sb3_algorithm_of_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "my_agents.py").write_text(PPO_FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_agents", raising=False)
    (run,) = plan([PLANE], ["my_agents:Mine"], 1, 1000, evaluations=1)
    assert (run.timesteps, run.track) == (64, "previews")
    assert find_contestant(run.contestant).look_ahead == "one step"
    assert execute(run, tmp_path) is None
    before = run.digest
    (tmp_path / "my_agents.py").write_text(PPO_FILE + "\n# changed\n")
    assert run.digest == before  # this process has imported what was there
    hash_source.cache_clear()
    assert run.digest != before  # another process will see another program


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:Agent", "cannot load the algorithm 'no_such_module:Agent'"),
        ("examples.benchmark_agent:Missing", "has no attribute 'Missing'"),
        ("json:dumps", "has no predict"),
        ("./agent.py:Agent", r"write package.module:Class"),
    ],
)
def test_mistakes_are_named(name, message):
    with pytest.raises(ValueError, match=message):
        select_contestants([name])
