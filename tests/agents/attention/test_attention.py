"""Attention over proposals: equivariance, masks, the start, learning, files."""

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C, DQN, PPO

from agents import AttentionPolicy, MaskableAttentionPolicy
from agents.attention.set_network import SetNetwork, standardise
from agents.common.decision import INVALID_LOGIT, Decision
from agents.common.evaluation import evaluate_agent
from tests.agents.conftest import make_env, make_envs, make_vec_env
from tests.gcgen_env.sample_proposers import OnlyPropose

POLICIES = (AttentionPolicy, MaskableAttentionPolicy)
OPTIONS = {"proposer": OnlyPropose(), "nucleus": 0.8}
B, A, D = 6, 7, 5


def make_network(depth=2):
    """Make a network in float64 with random weights everywhere."""
    network = SetNetwork(D, width=8, heads=2, depth=depth, sharpness=1.0).double()
    randomise(network, 0.5)
    return network


def randomise(module, scale, seed=0):
    """Draw all weights of a module."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data.normal_(0.0, scale, generator=generator)


def make_decision(seed=0):
    """Draw states with large gains; three of seven proposals are invalid."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    image, log_prior = draw(B, D), draw(B, A).log_softmax(1)
    invalid = draw(B, A).argsort(1) < 3
    return Decision(
        image=image,
        goal=draw(B, D),
        progress=torch.linspace(0, 1, B, dtype=torch.float64).unsqueeze(1),
        log_prior=log_prior.masked_fill(invalid, INVALID_LOGIT),
        gain=1000 * draw(B, A),
        proposals=draw(B, A, D),
        values=image,
        compress=lambda values: values,
    )


@pytest.mark.parametrize("depth", [1, 2])
@torch.no_grad()
def test_permuting_proposals_permutes_logits_and_leaves_the_value(depth):
    network, decision = make_network(depth), make_decision()
    logits, pooled = network(decision)
    for seed in range(3):
        order = torch.as_tensor(np.random.default_rng(seed).permutation(A))
        parts = ("log_prior", "gain", "proposals")
        permuted = decision._replace(**{k: getattr(decision, k)[:, order] for k in parts})
        found, unchanged = network(permuted)
        torch.testing.assert_close(found, logits[:, order], rtol=0, atol=1e-11)
        torch.testing.assert_close(unchanged, pooled, rtol=0, atol=1e-11)
    valid = decision.log_prior > INVALID_LOGIT
    assert all(row[mask].std() > 1e-2 for row, mask in zip(logits, valid, strict=True))


@torch.no_grad()
def test_masked_proposals_influence_nothing():
    """Replacing, enlarging or leaving them out gives the same results for the valid ones."""
    network, decision = make_network(), make_decision()
    logits, pooled = network(decision)
    valid = decision.log_prior > INVALID_LOGIT
    assert (logits[~valid] == INVALID_LOGIT).all()
    other = make_decision(seed=1)
    replaced = decision._replace(
        gain=torch.where(valid, decision.gain, 1e6),
        proposals=torch.where(valid.unsqueeze(2), decision.proposals, 100 * other.proposals),
    )
    found, same = network(replaced)
    assert torch.equal(found, logits) and torch.equal(same, pooled)
    for row in range(B):
        keep = valid[row].nonzero().squeeze(1)
        parts = {k: getattr(decision, k)[row : row + 1, keep] for k in ("log_prior", "gain")}
        states = {k: getattr(decision, k)[row : row + 1] for k in ("image", "goal", "progress")}
        proposals = decision.proposals[row : row + 1, keep]
        found, same = network(decision._replace(**parts, **states, proposals=proposals))
        torch.testing.assert_close(found[0], logits[row, keep], rtol=0, atol=1e-11)
        torch.testing.assert_close(same[0], pooled[row], rtol=0, atol=1e-11)


@torch.no_grad()
def test_a_valid_proposal_influences_the_logits_of_others():
    network, decision = make_network(), make_decision()
    decision = decision._replace(log_prior=torch.full((B, A), -2.0, dtype=torch.float64))
    proposals = decision.proposals.clone()
    proposals[:, 0] += 1
    change = network(decision._replace(proposals=proposals))[0] - network(decision)[0]
    assert (change[:, 1:].abs().amax(1) > 1e-3).all()


@torch.no_grad()
def test_a_state_without_valid_proposals_gives_finite_numbers():
    decision = make_decision()
    decision = decision._replace(log_prior=torch.full_like(decision.log_prior, INVALID_LOGIT))
    logits, pooled = make_network()(decision)
    assert (logits == INVALID_LOGIT).all() and (pooled == 0).all()


def test_relative_gains_typed_by_hand():
    gain = torch.tensor([[1.0, 3.0, 500.0], [2000.0, 2000.0, 2000.0]])
    invalid = torch.tensor([[False, False, True], [False, False, False]])
    expected = torch.tensor([[-1 / 1.001, 1 / 1.001, 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(standardise(gain, invalid), expected)


@pytest.fixture(scope="module")
def obs():
    """Observations in the middle of 32 episodes; some proposals are invalid."""
    envs, rng = make_envs(32, **OPTIONS), np.random.default_rng(0)
    envs.reset(seed=0)
    for _ in range(3):
        obs, *_ = envs.step(rng.integers(16, size=32))
    assert 0 < obs["action_mask"].sum() < obs["action_mask"].size
    return obs


def make_policy(policy_class, seed=None, **kwargs):
    """Make a policy; random weights need a seed."""
    env = make_env(**OPTIONS)
    policy = policy_class(env.observation_space, env.action_space, lambda _: 1e-3, **kwargs)
    if seed is not None:
        randomise(policy, 0.2, seed)
    return policy


def evaluate(policy, obs):
    """Return logits (B, A) and values (B,)."""
    tensors, _ = policy.obs_to_tensor(obs)
    with torch.no_grad():
        logits = policy.mlp_extractor.forward_actor(policy.extract_features(tensors))
        return logits, policy.predict_values(tensors).squeeze(1)


@pytest.mark.parametrize("policy_class", POLICIES)
@pytest.mark.parametrize("sharpness", [0.0, 2.0])
def test_a_fresh_policy_is_a_softmax_of_relative_gains(policy_class, sharpness, obs):
    potential = make_envs(1).episodes.chain.likelihood.potential
    goals = obs["desired_goal"].repeat(16, axis=0)
    gain = potential(obs["proposals"].reshape(goals.shape), goals).reshape(32, 16)
    logits, values = evaluate(make_policy(policy_class, sharpness=sharpness), obs)
    assert (values == 0).all()
    for row, logit, mask in zip(gain, logits.numpy(), obs["action_mask"] > 0, strict=True):
        expected = sharpness * (row[mask] - row[mask].mean()) / (row[mask].std() + 1e-3)
        np.testing.assert_allclose(logit[mask], expected, atol=2e-3)


@pytest.mark.parametrize("policy_class", POLICIES)
def test_whole_policies_are_equivariant(policy_class, obs):
    policy = make_policy(policy_class, seed=0)
    order = np.random.default_rng(2).permutation(16)
    keys = ("proposals", "log_prior", "action_mask")
    logits, values = evaluate(policy, obs)
    found, same = evaluate(policy, {**obs, **{key: obs[key][:, order] for key in keys}})
    torch.testing.assert_close(found, logits[:, order], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(same, values, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("algorithm", "policy"),
    [(PPO, AttentionPolicy), (A2C, AttentionPolicy), (MaskablePPO, MaskableAttentionPolicy)],
)
def test_algorithms_learn_without_invalid_actions(algorithm, policy):
    sizes = {} if algorithm is A2C else {"batch_size": 32, "n_epochs": 2}
    env = make_vec_env(4, **OPTIONS)
    model = algorithm(policy, env, n_steps=16, gamma=1.0, seed=0, device="cpu", **sizes)
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    model.learn(192)
    after = model.policy.state_dict()
    unchanged = [name for name in before if torch.equal(before[name], after[name])]
    assert unchanged == []
    stats = evaluate_agent(model, make_envs(8, **OPTIONS), 16)
    assert not stats.invalid_actions.any()


@pytest.mark.parametrize("policy_class", POLICIES)
def test_a_policy_saves_and_loads_itself(policy_class, obs, tmp_path):
    policy = make_policy(policy_class, seed=0, width=16, heads=2, depth=2, sharpness=0.5)
    policy.save(tmp_path / "policy.zip")
    loaded = policy_class.load(tmp_path / "policy.zip")
    for found, expected in zip(evaluate(loaded, obs), evaluate(policy, obs), strict=True):
        assert torch.equal(found, expected)


def test_weights_of_one_number_of_proposals_serve_another(obs):
    policy, env = make_policy(AttentionPolicy, seed=0), make_env(num_proposals=5)
    fewer = AttentionPolicy(env.observation_space, env.action_space, lambda _: 1e-3)
    fewer.load_state_dict(policy.state_dict())
    few = {**obs, **{k: obs[k][:, :5] for k in ("proposals", "log_prior", "action_mask")}}
    assert evaluate(fewer, few)[0].shape == (32, 5)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"width": 31}, "width must be a multiple of heads=2, got 31"),
        ({"depth": 0}, "depth must be at least 1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_policy(AttentionPolicy, **kwargs)


def test_other_algorithms_and_observations_are_refused():
    with pytest.raises(TypeError, match="AttentionPolicy is an actor-critic policy"):
        DQN(AttentionPolicy, make_env(), buffer_size=100)
    env = make_env(obs_mode="compact")
    with pytest.raises(ValueError, match='obs_mode="pixels"'):
        AttentionPolicy(env.observation_space, env.action_space, lambda _: 1e-3)
