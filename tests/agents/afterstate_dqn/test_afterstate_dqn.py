"""`AfterstateDQN`: exact values of a tiny task, double estimators, masks, refusals, files."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.utils import ConstantSchedule, set_random_seed
from stable_baselines3.common.vec_env import DummyVecEnv

from agents import (
    AfterstateDQN,
    AfterstatePolicy,
    GCGenVecEnv,
    GoalReplayBuffer,
    GreedyAgent,
    make_vec_env,
)
from agents.common.decision import INVALID_LOGIT
from agents.common.evaluation import evaluate_agent
from gcgen_env import GCGenVectorEnv
from tests.agents.afterstate_dqn.tiny import (
    GOALS,
    SCALE,
    START,
    A,
    H,
    compute_values,
    make_tiny,
    step,
)
from tests.agents.common.conftest import FAST, NUCLEUS, make_env, observations  # noqa: F401

DIGITS = "GCGen-Digits-v0"


def make_model(env=None, **kwargs):
    """Make a model that begins to learn soon."""
    options = {**FAST, "seed": 0, "device": "cpu", **kwargs}
    return AfterstateDQN("AfterstatePolicy", env or make_env(), **options)


def to_tensors(model, obs):
    return model.policy.obs_to_tensor(obs)[0]


def set_outputs(network, *constants):
    """Make the critics return constants, in nats, but at the horizon."""
    for critic, constant in zip(network.q_net, constants, strict=True):
        critic.output.weight.data.zero_()
        critic.share.weight.data.zero_()
        critic.output.bias.data.fill_(constant / critic.unit)


@pytest.fixture(scope="module")
def trained():
    """A model trained on random states of the tiny task, in H rounds of one target each."""
    sizes = {"learning_starts": 10_000, "train_freq": 1, "buffer_size": 2000}
    model = make_model(make_tiny(64), policy_kwargs={"width": 64}, **sizes).learn(1920)
    for _ in range(H):
        for rate in (1e-2, 3e-3, 3e-4):
            model.lr_schedule = ConstantSchedule(rate)
            model.train(120, 256)
        model.q_net_target.load_state_dict(model.q_net.state_dict())
    return model


def test_values_become_those_of_dynamic_programming(trained):
    """All A + A^2 states after a choice, of every goal; their values span many nats."""
    spans = []
    for goal in GOALS:
        states = [(START, 0)]
        for h in range(H):
            states = [(step(x, h, a), h + 1) for x, _ in states for a in range(A)]
            expected = [compute_values(x, h + 1, goal) for x, _ in states]
            images = np.float32([np.clip(x, 0, 1) for x, _ in states]).reshape(-1, 1, 1, 2)
            obs = {
                "observation": images,
                "achieved_goal": images,
                "desired_goal": np.tile(goal, (len(states), 1)).reshape(images.shape),
                "step": np.full((len(states), 1), (h + 1) / H, np.float32),
                "log_prior": np.zeros((len(states), A), np.float32),
                "action_mask": np.ones((len(states), A), np.int8),
                "proposals": np.repeat(images[:, None], A, axis=1),
            }
            with torch.no_grad():
                decision = trained.q_net.read(to_tensors(trained, obs))
                found = trained.q_net.evaluate_states(decision)[0].numpy() / SCALE
            assert found.shape == (A ** (h + 1),)
            np.testing.assert_allclose(found, expected, atol=1.0)  # nats
            spans.append(np.ptp(expected))
    assert max(spans) > 10
    assert not np.any(found)  # the last ones: V(., H, g) = 0


def test_the_trained_policy_is_optimal_where_greedy_is_not(trained):
    envs = make_tiny(len(GOALS)).envs
    greedy, learned = (
        evaluate_agent(agent, envs, 32, deterministic=True)
        for agent in (GreedyAgent(envs), trained)
    )
    best = [compute_values(START, 0, goal) for goal in learned.goal.reshape(-1, 2)]
    np.testing.assert_allclose(learned.gain, best, atol=0.3)
    assert (np.asarray(best) - greedy.gain).max() > 1


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_q_of_a_fresh_policy_is_the_reward(gamma):
    options = {"reward_scale": 0.01, "gamma": gamma, "num_proposals": 5, "proposer": "dictionary"}
    envs = GCGenVectorEnv(5, dataset="digits", autoreset_mode="SameStep", **options)
    model = make_model(GCGenVecEnv(envs), gamma=gamma)
    first = envs.reset(seed=0)[0]["desired_goal"][:1]
    obs, _ = envs.reset(options={"goal": np.repeat(first, 5, axis=0)})
    with torch.no_grad():
        values = model.q_net(to_tensors(model, obs))
    _, rewards, *_ = envs.step(np.arange(5))  # one environment for each action
    np.testing.assert_allclose(values[0], rewards, rtol=1e-4, atol=1e-4)


def test_a_fresh_policy_is_greedy_look_ahead(observations):  # noqa: F811
    expected, _ = GreedyAgent(make_env()).predict(observations)
    found, _ = make_model().predict(observations, deterministic=True)
    np.testing.assert_array_equal(found, expected)


def test_the_value_after_the_last_decision_is_zero(observations):  # noqa: F811
    model = make_model()
    tensors = to_tensors(model, observations)
    with torch.no_grad():
        fresh = model.q_net(tensors)
        set_outputs(model.q_net, 5.0)
        shifted = model.q_net(tensors) - fresh
        valid = tensors["action_mask"] > 0
        assert shifted[valid].sub(5).abs().max() < 1e-3
        tensors["step"] = torch.full_like(tensors["step"], 7 / 8)
        assert torch.equal(model.q_net(tensors), fresh)


class Fixed:
    """Stands for a network with given Q."""

    def __init__(self, values):
        self.values = torch.tensor(values)

    def evaluate(self, decision):
        return self.values


@pytest.mark.parametrize(("double_q", "expected"), [(True, [3.0, 7.0]), (False, [9.0, 8.0])])
def test_the_online_network_selects_and_the_target_network_evaluates(double_q, expected):
    """Numbers typed by hand: online selects actions 1 and 2, the target's maxima are 0 and 1."""
    model = make_model(double_q=double_q)
    model.q_net = Fixed([[1.0, 2.0, 0.0], [-1.0, -2.0, -0.5]])
    model.q_net_target = Fixed([[9.0, 3.0, 4.0], [6.0, 8.0, 7.0]])
    assert model.compute_target(None).tolist() == expected


def test_the_smaller_value_of_two_critics_counts(observations):  # noqa: F811
    model = make_model(policy_kwargs={"n_critics": 2})
    tensors = to_tensors(model, observations)
    valid = tensors["action_mask"] > 0
    with torch.no_grad():
        fresh = model.q_net(tensors)
        for constants in ((4.0, -2.0), (-2.0, 4.0)):
            set_outputs(model.q_net, *constants)
            assert (model.q_net(tensors) - fresh)[valid].sub(-2).abs().max() < 1e-3
        each = model.q_net.evaluate_states(model.q_net.read(tensors))
    assert torch.allclose(each, torch.tensor([[-2.0], [4.0]]).expand_as(each))


def test_both_networks_are_masked_and_equivariant(observations):  # noqa: F811
    model = make_model().learn(120)
    order = np.random.default_rng(0).permutation(16)
    keys = ("proposals", "log_prior", "action_mask")
    shuffled = {**observations, **{key: observations[key][:, order] for key in keys}}
    for network in (model.q_net, model.q_net_target):
        with torch.no_grad():
            plain, permuted = (network(to_tensors(model, o)) for o in (observations, shuffled))
        torch.testing.assert_close(permuted, plain[:, order])
        invalid = torch.as_tensor(observations["action_mask"] == 0)
        assert invalid.any() and (plain[invalid] == INVALID_LOGIT).all()
        assert (plain[~invalid] > INVALID_LOGIT / 2).all()


@pytest.mark.parametrize("buffer", [None, GoalReplayBuffer])
def test_no_invalid_action_with_64_environments(buffer):
    env = make_vec_env(DIGITS, 64, env_kwargs={"nucleus": NUCLEUS})
    sizes = {"buffer_size": 2048, "learning_starts": 600, "train_freq": 1}
    model = make_model(env, replay_buffer_class=buffer, exploration_final_eps=0.5, **sizes)
    invalid = []

    def record(local, _):
        invalid.extend(info["invalid_action"] for info in local["infos"])
        return True

    before = model.q_net.q_net[0].hidden.weight.clone()
    model.learn(1280, callback=record)
    assert len(invalid) == 1280 and not any(invalid)
    assert (model.q_net.q_net[0].hidden.weight != before).any()
    envs = gym.make_vec(DIGITS, num_envs=8, nucleus=NUCLEUS)
    assert not evaluate_agent(model, envs, 16).invalid_actions.any()


def test_each_environment_explores_by_itself():
    model = make_model(make_vec_env(DIGITS, 64), learning_starts=0)
    model._setup_learn(64)
    greedy, _ = model.policy.predict(model._last_obs)
    model.exploration_rate = 0.5
    action, stored = model._sample_action(0, n_envs=64)
    assert 16 < (action != greedy).sum() < 48 and action is stored


def test_stored_rewards_and_actions_do_not_matter():
    states = []
    for corrupt in (False, True):
        model = make_model(learning_starts=1000).learn(80)
        if corrupt:
            model.replay_buffer.rewards[:], model.replay_buffer.actions[:] = 77.0, 0
        set_random_seed(0)
        model.train(4, 16)
        states.append(model.policy.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize(
    ("env_kwargs", "kwargs", "message"),
    [
        ({"reward_type": "sparse"}, {}, "reward_type='sparse': use MaskableDQN"),
        ({}, {"gamma": 0.99}, "gamma=0.99 and the environment's reward 1: pass the same"),
        ({"obs_mode": "compact"}, {}, 'obs_mode="pixels"'),
        ({}, {"policy_kwargs": {"n_critics": 0}}, "n_critics must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(env_kwargs, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_model(make_env(**env_kwargs), **kwargs)


def test_an_environment_that_hides_its_horizon_needs_it():
    class Hidden(gym.Wrapper):
        def get_wrapper_attr(self, name):
            if name == "config":
                raise AttributeError(name)
            return super().get_wrapper_attr(name)

    env = DummyVecEnv([lambda: Hidden(make_env())])
    with pytest.raises(ValueError, match=r"pass policy_kwargs=\{'horizon': H\}"):
        make_model(env)
    assert make_model(env, policy_kwargs={"horizon": 8}).q_net.horizon == 8


def test_models_and_policies_come_back(observations, tmp_path):  # noqa: F811
    options = {"policy_kwargs": {"width": 24, "n_critics": 2}, "double_q": False}
    model = make_model(**options).learn(80)
    model.save(tmp_path / "model.zip")
    loaded = AfterstateDQN.load(tmp_path / "model.zip")
    model.policy.save(tmp_path / "policy")
    alone = AfterstatePolicy.load(tmp_path / "policy")
    assert (loaded.double_q, loaded.gamma, loaded.batch_size) == (False, 1.0, 16)
    tensors = to_tensors(model, observations)
    with torch.no_grad():
        expected = model.q_net(tensors)
        assert torch.equal(loaded.q_net(tensors), expected)
        assert torch.equal(alone.q_net(tensors), expected)
    going_on = AfterstateDQN.load(tmp_path / "model.zip", env=make_env())
    assert going_on.learn(24, reset_num_timesteps=False).num_timesteps == 104


def test_seeds_reproduce():
    first, second = (make_model().learn(96).policy.state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
