"""Episodes of any agent: against the environment stepped by hand."""

import numpy as np
import pytest

from agents.baselines import GreedyAgent, PriorAgent, RandomAgent
from agents.common.evaluation import EpisodeStats, evaluate_agent
from tests.agents.conftest import make_envs
from tests.gcgen_env.sample_proposers import OnlyPropose

MODES = ("NextStep", "SameStep", "Disabled")


class FirstAgent:
    """Selects proposal 0, valid or not, and notes how it is called."""

    def __init__(self):
        self.begins = []

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        self.begins.append(episode_start.copy())
        return np.zeros(len(episode_start), np.int64), (state or 0) + 1


class MaskedAgent:
    """Wants the masks as MaskablePPO does."""

    def predict(self, obs, state=None, episode_start=None, deterministic=False, action_masks=None):
        np.testing.assert_array_equal(action_masks, obs["action_mask"] > 0)
        return action_masks.argmax(1), state


def step_by_hand(envs, seed):
    """Return the stats of one round of proposal 0, from the environment's outputs."""
    first, info = envs.reset(seed=seed)
    start, rewards, invalid = info["potential"], [], 0
    for _ in range(8):
        obs, reward, _, _, info = envs.step(np.zeros(4, np.int64))
        rewards.append(reward)
        invalid = invalid + info["invalid_action"]
    gain = info["potential"] - start
    images = first["desired_goal"], obs["achieved_goal"]
    return EpisodeStats(sum(rewards), gain, info["distance"], info["is_success"], invalid, *images)


@pytest.mark.parametrize("mode", MODES)
def test_stats_are_those_of_the_episodes(mode):
    options = {"proposer": OnlyPropose(), "nucleus": 0.8, "success_threshold": 0.35}
    expected = step_by_hand(make_envs(4, "Disabled", **options), seed=3)
    agent = FirstAgent()
    stats = evaluate_agent(agent, make_envs(4, mode, **options), 4, seed=3)
    for name, value, wanted in zip(EpisodeStats._fields, stats, expected, strict=True):
        np.testing.assert_array_equal(value, wanted, err_msg=name)
    assert stats.invalid_actions.any()
    assert [begin.all() for begin in agent.begins] == [True, *[False] * 7]


def test_returns_telescope_to_the_gain():
    stats = evaluate_agent(RandomAgent(seed=0), make_envs(8), 20)
    np.testing.assert_allclose(stats.returns, stats.gain, atol=1e-9)
    assert [len(column) for column in stats] == [20] * 7


def test_agents_are_ranked_as_they_should_be():
    envs = make_envs(32, proposer=OnlyPropose(), nucleus=0.9)
    agents = (GreedyAgent(envs), PriorAgent(seed=0), RandomAgent(seed=0))
    greedy, prior, random = (evaluate_agent(agent, envs, 64) for agent in agents)
    assert greedy.gain.mean() > max(prior.gain.mean(), random.gain.mean()) + 5
    assert not any(stats.invalid_actions.any() for stats in (greedy, prior, random))


def test_the_seed_reproduces_the_goals():
    envs = make_envs(4)
    one, again, other = (evaluate_agent(GreedyAgent(envs), envs, 10, s) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.returns, again.returns)
    assert (one.returns != other.returns).any()
    assert len(np.unique(one.returns)) > 4  # the second round has goals of its own


def test_masks_go_to_whom_asks_for_them():
    envs = make_envs(4, proposer=OnlyPropose(), nucleus=0.5)
    assert not evaluate_agent(MaskedAgent(), envs, 4).invalid_actions.any()


def test_models_are_agents(model, s_agent_file):
    envs = make_envs(16, proposer=str(s_agent_file))
    trained = evaluate_agent(model, envs, 16, deterministic=True)
    random = evaluate_agent(RandomAgent(seed=0), envs, 16)
    assert trained.gain.mean() > random.gain.mean()


def test_no_episodes_are_refused():
    with pytest.raises(ValueError, match="num_episodes must be at least 1, got 0"):
        evaluate_agent(RandomAgent(), make_envs(2), 0)
