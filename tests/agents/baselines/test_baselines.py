"""The baselines: what they select, never what is invalid, single and batched."""

import numpy as np
import pytest

from agents.baselines import GreedyAgent, PriorAgent, RandomAgent
from tests.agents.conftest import make_env, make_envs
from tests.gcgen_env.sample_proposers import OnlyPropose

NAMES = ("random", "prior", "greedy")


def make_agent(name, envs, seed=0):
    return {"random": RandomAgent, "prior": PriorAgent}.get(
        name, lambda seed: GreedyAgent(envs, seed)
    )(seed)


@pytest.fixture(scope="module")
def envs():
    return make_envs(32, proposer=OnlyPropose(), nucleus=0.8)


@pytest.fixture(scope="module")
def obs(envs):
    obs, _ = envs.reset(seed=0)
    return obs


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_invalid_proposals_are_never_selected(envs, name, deterministic):
    agent = make_agent(name, envs)
    obs, info = envs.reset(seed=0)
    invalid = 0
    for _ in range(40):
        action, state = agent.predict(obs, deterministic=deterministic)
        assert action.shape == (32,) and action.dtype == np.int64 and state is None
        obs, _, _, _, info = envs.step(action)
        invalid += info.get("final_info", info)["invalid_action"].sum()
    assert invalid == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_single_observation_gives_a_single_action(name):
    env = make_env(proposer="dictionary")
    obs, _ = env.reset(seed=0)
    action, state = make_agent(name, env).predict(obs, state="kept")
    assert action.shape == () and state == "kept"
    assert env.action_space.contains(action)
    env.step(action)


@pytest.mark.parametrize("name", ["random", "prior"])
def test_the_seed_reproduces_the_draws(envs, obs, name):
    one, again, other = (make_agent(name, envs, seed).predict(obs)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_random_is_uniform_over_the_valid_proposals(envs, obs):
    agent = RandomAgent(seed=0)
    one = {key: value[0] for key, value in obs.items()}
    draws = [int(agent.predict(one, deterministic=bool(i % 2))[0]) for i in range(4000)]
    shares = np.bincount(draws, minlength=16) / 4000
    valid = one["action_mask"]
    np.testing.assert_allclose(shares, valid / valid.sum(), atol=0.03)


def test_prior_draws_from_p_s_and_takes_its_best(obs):
    agent = PriorAgent(seed=0)
    one = {key: value[0] for key, value in obs.items()}
    draws = [int(agent.predict(one)[0]) for _ in range(4000)]
    expected = np.exp(one["log_prior"]) * one["action_mask"]
    np.testing.assert_allclose(np.bincount(draws, minlength=16) / 4000, expected, atol=0.03)
    best = np.where(obs["action_mask"], obs["log_prior"], -np.inf).argmax(1)
    np.testing.assert_array_equal(agent.predict(obs, deterministic=True)[0], best)


def test_greedy_selects_what_a_loop_over_the_environment_finds_best(envs, obs):
    """A loop over proposals, by the environment's own reward."""
    action, _ = GreedyAgent(envs).predict(obs)
    for i in range(4):
        rewards = [
            envs.compute_reward(
                image, obs["desired_goal"][i], {"previous_achieved_goal": obs["observation"][i]}
            )
            for image in obs["proposals"][i]
        ]
        rewards = np.where(obs["action_mask"][i], rewards, -np.inf)
        assert action[i] == rewards.argmax()


def test_greedy_takes_an_environment_a_vector_or_a_space():
    env, envs = make_env(), make_envs(2)
    likelihoods = [
        GreedyAgent(each).likelihood for each in (env, env.unwrapped, envs, env.observation_space)
    ]
    assert all(each == envs.episodes.chain.likelihood for each in likelihoods)


def test_greedy_needs_to_see_the_proposals():
    with pytest.raises(ValueError, match='obs_mode="pixels"'):
        GreedyAgent(make_env(obs_mode="compact"))
