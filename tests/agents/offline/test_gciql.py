"""`GCIQL`: expectiles and weights by hand, values that add up, better than its data."""

import numpy as np
import pytest
import torch

from agents import GCBC, GCIQL
from agents.common.evaluation import evaluate_agent
from agents.offline.gciql import expectile_loss
from tests.agents.offline.samples import make_bandit, make_data, make_tiny, observe

FAST = {"seed": 0, "device": "cpu", "learning_rate": 1e-2, "tau": 0.2, "net_arch": (16,)}
BANDIT = {**FAST, "batch_size": 1024}  # many draws, so that both arms are drawn equally often


def see(obs):
    """Return image, goal and step of observations as networks take them."""
    image, goal = (torch.from_numpy(obs[key]) for key in ("observation", "desired_goal"))
    return image, goal, torch.zeros(len(image), dtype=torch.long)


def test_the_loss_by_hand():
    loss = expectile_loss(torch.tensor([2.0, -2.0, 0.0]), 0.9)
    torch.testing.assert_close(loss, torch.tensor([3.6, 0.4, 0.0]))


@pytest.mark.parametrize("expectile", [0.5, 0.8])
def test_two_arms(expectile):
    """Arms of reward 0 and 1: V solves tau (1 - V) = (1 - tau) V, so V = tau.

    The policy is proportional to exp(alpha (Q_a - V)): its odds are exp(alpha).
    """
    pair, data = make_bandit([0.0, 1.0])
    model = GCIQL(pair, data, expectile=expectile, alpha=1.5, unit=1.0, **BANDIT).learn(300)
    at = see(observe(2))
    with torch.no_grad():
        value = model.networks["value"](*at).item()
        q = model.networks["critic_0"](*at)[0]
    assert value == pytest.approx(expectile, abs=0.05)
    torch.testing.assert_close(q, torch.tensor([0.0, 1.0]), atol=0.05, rtol=0)
    logits = model.compute_logits(observe(2))[0]
    assert logits[1] - logits[0] == pytest.approx(1.5, abs=0.15)


def test_rewards_are_counted_in_units_of_their_spread():
    pair, data = make_bandit([0.0, 100.0])
    metrics = {}
    model = GCIQL(pair, data, expectile=0.7, **BANDIT)
    assert model.unit == pytest.approx(50.0)
    model.learn(300, lambda step, values: metrics.update(values), log_interval=100)
    assert metrics["value"] == pytest.approx(70.0, abs=5.0)  # in nats, as the data
    equal, data = make_bandit([2.0, 2.0])
    assert GCIQL(equal, data, **FAST).unit == 1.0


def test_without_temperature_it_is_behavioural_cloning():
    data = make_data("beam", 16)
    options = {"seed": 0, "device": "cpu"}
    iql, bc = (cls(make_tiny(), data, **options) for cls in (GCIQL, GCBC))
    iql.alpha = 0.0
    iql.networks["policy"].load_state_dict(bc.networks["policy"].state_dict())
    batch = bc.make_sampler(data).sample(64, np.random.default_rng(0), bc.device)
    torch.testing.assert_close(
        iql.compute_loss(batch)[1]["policy_loss"], bc.compute_loss(batch)[0].detach()
    )


def test_each_network_learns_from_its_own_loss():
    data = make_data("random", 16)
    model = GCIQL(make_tiny(), data, seed=0, device="cpu")
    batch = model.make_sampler(data).sample(64, np.random.default_rng(0), model.device)
    losses = {"policy": "policy_loss", "value": "value_loss", "critic_0": "critic_loss"}
    total, _ = model.compute_loss(batch)
    total.backward()
    for network in losses:
        assert all(weight.grad is not None for weight in model.networks[network].parameters())
    assert all(weight.grad is None for weight in model.networks["slow_critic_0"].parameters())


def test_slow_critics_follow_the_critics():
    model = GCIQL(make_tiny(), make_data("random", 16), seed=0, tau=0.25, device="cpu")
    before = [weight.clone() for weight in model.networks["slow_critic_1"].parameters()]
    model.learn(1)
    fast = model.networks["critic_1"].parameters()
    slow = model.networks["slow_critic_1"].parameters()
    for old, new, now in zip(before, fast, slow, strict=True):
        torch.testing.assert_close(now, 0.75 * old + 0.25 * new)


@pytest.mark.slow
def test_values_add_up_over_steps():
    """With one recorded path for each goal, V(x_0) is the gain of the whole path."""
    data = make_data("beam", 64)
    options = {**FAST, "learning_rate": 5e-3, "net_arch": (64, 64), "expectile": 0.5}
    model = GCIQL(make_tiny(), data, **options).learn(1500)
    image = torch.from_numpy(data.image[:, 0]).flatten(1)
    goal = torch.from_numpy(data.goal).flatten(1)
    with torch.no_grad():
        value = model.networks["value"](image, goal, torch.zeros(64, dtype=torch.long)).squeeze(1)
    gain = torch.from_numpy(data.reward.sum(1)).float()
    error = (model.unit * value - gain).abs().mean()
    assert error < 0.15 * gain.std()


@pytest.mark.parametrize("shares", [{}, {"hindsight": 0.2, "random_goals": 0.6}])
def test_it_plays_better_than_the_random_data(shares):
    data, envs = make_data("random", 512), make_tiny(64, obs_mode="compact")
    model = GCIQL(envs, data, **{**FAST, "net_arch": (64,)}, **shares).learn(250)
    gain = evaluate_agent(model, envs, 64, deterministic=True).gain.mean()
    random, beam = (make_data(name).reward.sum(1).mean() for name in ("random", "beam"))
    assert gain > random + 0.5 * (beam - random)


def test_new_goals_need_a_likelihood():
    pair, data = make_bandit([0.0, 1.0])
    plain = type(pair[0])({**pair[0].spaces, "desired_goal": pair[0]["log_prior"]})
    with pytest.raises(ValueError, match="has no likelihood"):
        GCIQL((plain, pair[1]), data, random_goals=0.5, device="cpu").learn(1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"expectile": 1.0}, r"expectile must lie in \[0.5, 1\)"),
        ({"alpha": -1.0}, "alpha must be at least 0"),
        ({"gamma": 1.5}, "gamma must lie in"),
        ({"tau": 0.0}, "tau must lie in"),
    ],
)
def test_numbers_out_of_range(wrong, message):
    pair, data = make_bandit([0.0, 1.0])
    with pytest.raises(ValueError, match=message):
        GCIQL(pair, data, **wrong)
