"""`GCBC`: it repeats its data, and reaches the optimum where the data are optimal."""

import itertools

import numpy as np
import pytest
import torch

from agents import GCBC
from agents.common.evaluation import evaluate_agent
from agents.offline.base import log_policy
from tests.agents.offline.samples import make_bandit, make_data, make_tiny, observe, play

FAST = {"seed": 0, "learning_rate": 5e-3, "net_arch": (64, 64), "device": "cpu"}


def find_best_gains(envs, goals):
    """Return the largest gain of all A^H paths for every goal, by walking each of them."""
    config = envs.config
    best = np.full(len(goals), -np.inf)
    for path in itertools.product(range(config.num_proposals), repeat=config.horizon):
        _, info = envs.reset(seed=0, options={"goal": goals})
        start = info["potential"]
        for action in path:
            *_, info = envs.step(np.full(len(goals), action))
        best = np.maximum(best, info["potential"] - start)
    return best


def test_trained_on_a_full_search_it_is_optimal():
    (played,) = play("beam", 64, num_envs=64)
    goals = np.unique(played.observations["desired_goal"][:, 0], axis=0)
    envs = make_tiny(len(goals), obs_mode="compact")
    best = find_best_gains(envs, goals)
    model = GCBC(envs, make_data("beam"), **FAST).learn(300)
    obs, info = envs.reset(seed=0, options={"goal": goals})
    start = info["potential"]
    for _ in range(envs.config.horizon):
        obs, *_, info = envs.step(model.predict(obs, deterministic=True)[0])
    np.testing.assert_allclose(info["potential"] - start, best, rtol=1e-4)


def test_its_actions_are_the_beams():
    (played,) = play("beam", 64, num_envs=64)
    model = GCBC(make_tiny(), make_data("beam"), **FAST)
    metrics = []
    model.learn(300, lambda step, values: metrics.append((step, values)), log_interval=100)
    assert [step for step, _ in metrics] == [100, 200, 300]
    assert metrics[-1][1]["loss"] < 0.05 < metrics[0][1]["loss"]
    for h in range(3):
        obs = {key: value[:, h] for key, value in played.observations.items()}
        assert np.array_equal(model.predict(obs, deterministic=True)[0], played.actions[:, h])


def test_untrained_it_does_not_reach_them():
    envs = make_tiny(64, obs_mode="compact")
    fresh, trained = (GCBC(envs, make_data("beam"), **FAST) for _ in range(2))
    trained.learn(100)
    gains = [evaluate_agent(model, envs, 64).gain.mean() for model in (fresh, trained)]
    assert gains[0] < gains[1] - 1


def test_it_learns_the_frequencies_of_the_data():
    pair, data = make_bandit([0.0] * 4)
    model = GCBC(pair, data, **FAST).learn(100)
    probability = torch.from_numpy(model.compute_logits(observe(4))).softmax(1)
    torch.testing.assert_close(probability[0], torch.full((4,), 0.25).double(), atol=0.05, rtol=0)


@pytest.mark.parametrize("strategy", ["future", "final"])
def test_hindsight_learns_from_random_actions(strategy):
    data, envs = make_data("random", 512), make_tiny(64, obs_mode="compact")
    plain = GCBC(envs, data, **FAST).learn(120)
    own = GCBC(envs, data, hindsight=1.0, goal_selection_strategy=strategy, **FAST).learn(120)
    gains = [
        evaluate_agent(model, envs, 64, deterministic=True).gain.mean() for model in (plain, own)
    ]
    assert gains[1] > gains[0] + 1


def test_invalid_proposals_have_no_probability():
    logits = torch.tensor([[0.0, 0.0, 50.0]])
    log_pi = log_policy(logits, torch.tensor([[True, True, False]]))
    torch.testing.assert_close(log_pi[0, :2], torch.full((2,), np.log(0.5)).float())
    assert log_pi[0, 2].exp() == 0
