"""The masked contestants never select an invalid action, learning or playing."""

import numpy as np
import pytest

from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.tasks import TRACKS
from agents.common.evaluation import evaluate_agent
from gcgen_env import GCGenVectorEnv
from gcgen_env.episodes import Episodes

MASKED = [
    name
    for name in CONTESTANTS
    if name.startswith(("maskable", "afterstate")) or "+proposals" in name
]
ENV, ONCE = "GCGen-Toy2D-v0", "GCGen-DigitsOnce-v0"


@pytest.fixture
def count(monkeypatch):
    """Count decisions and invalid ones in every environment."""
    total = {"steps": 0, "invalid": 0}
    original = Episodes.step

    def step(episodes, action, *rows):
        result = original(episodes, action, *rows)
        total["steps"] += len(action)
        total["invalid"] += int(np.sum(episodes.invalid[rows[0]] if rows else episodes.invalid))
        return result

    monkeypatch.setattr(Episodes, "step", step)
    return total


def learn_and_play(name, timesteps, env_id=ENV):
    contestant = CONTESTANTS[name]
    mask = {"nucleus": 0.6} if env_id == ENV else {}  # the other id masks what has been used
    env = contestant.make_env(env_id, **mask, **TRACKS[contestant.tracks[0]])
    model = contestant.make(env, 0).learn(timesteps)
    envs = GCGenVectorEnv(16, **vars(env.envs.config))
    evaluate_agent(model, envs, 32)


@pytest.mark.slow
@pytest.mark.parametrize("name", MASKED)
def test_no_invalid_action_in_a_hundred_thousand(name, count):
    can_play = CONTESTANTS[name].takes_part(ONCE, CONTESTANTS[name].tracks[0])
    learn_and_play(name, 100_000, ONCE if can_play else ENV)
    assert count["steps"] > 100_000
    assert count["invalid"] == 0


def test_others_do_select_them(count):
    learn_and_play("ppo", 256)
    assert count["invalid"] > 0
