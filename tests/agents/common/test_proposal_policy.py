"""The policies on observations: blindness, symmetry, masks, terms."""

from types import MappingProxyType

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents import GCPolicy, MaskableGCPolicy, SPolicy
from agents.common.proposal_policy import find_likelihood
from tests.agents.conftest import make_env, make_envs
from tests.agents.toys import randomise
from tests.gcgen_env.sample_proposers import OnlyPropose

GOAL_POLICIES = (GCPolicy, MaskableGCPolicy)
POLICIES = (*GOAL_POLICIES, SPolicy)
TERMS_OFF = MappingProxyType({"prior": False, "look_ahead": None, "learned": False})


def make_policy(policy_class, envs, seed=0, **kwargs):
    """Make a policy with random weights in its scorer and value."""
    policy = policy_class(
        envs.single_observation_space,
        envs.single_action_space,
        lambda _: 1e-3,
        net_arch=[],
        width=16,
        **kwargs,
    )
    randomise(policy, seed)
    return policy


@pytest.fixture(scope="module")
def envs():
    """Environments with invalid proposals, a different number in each."""
    return make_envs(64, proposer=OnlyPropose(), nucleus=0.8)


@pytest.fixture
def obs(envs):
    """Observations in the middle of 64 episodes."""
    rng = np.random.default_rng(0)
    envs.reset(seed=0)
    for _ in range(3):
        obs, *_ = envs.step(rng.integers(16, size=64))
    assert 0 < obs["action_mask"].sum() < obs["action_mask"].size
    return obs


def evaluate(policy, obs):
    """Return probabilities (B, A) and values (B,)."""
    tensors, _ = policy.obs_to_tensor(obs)
    with torch.no_grad():
        probabilities = policy.get_distribution(tensors).distribution.probs
        return probabilities, policy.predict_values(tensors).squeeze(-1)


def compute_logits(policy, obs):
    tensors, _ = policy.obs_to_tensor(obs)
    with torch.no_grad():
        return policy.mlp_extractor.forward_actor(policy.extract_features(tensors))


def with_other_goals(obs):
    goals = np.random.default_rng(1).random(obs["desired_goal"].shape, dtype=np.float32)
    return {**obs, "desired_goal": goals}


def test_s_policy_is_blind_to_the_goal(envs, obs):
    policy = make_policy(SPolicy, envs)
    one, other = evaluate(policy, obs), evaluate(policy, with_other_goals(obs))
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    draws = []
    for each in (obs, with_other_goals(obs)):
        torch.manual_seed(0)
        draws.append(policy.predict(each)[0])
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize("policy_class", GOAL_POLICIES)
@pytest.mark.parametrize("terms", [{"look_ahead": None}, {"learned": False}], ids=str)
def test_each_term_of_a_gc_policy_sees_the_goal(envs, obs, policy_class, terms):
    policy = make_policy(policy_class, envs, **terms)
    one, other = evaluate(policy, obs), evaluate(policy, with_other_goals(obs))
    assert (one[0] - other[0]).abs().max() > 1e-3


@pytest.mark.parametrize("policy_class", POLICIES)
def test_permuting_proposals_permutes_the_logits_alone(envs, obs, policy_class):
    policy = make_policy(policy_class, envs)
    order = np.random.default_rng(2).permutation(16)
    permuted = {k: v[:, order] for k, v in obs.items() if k in ("proposals", "log_prior")}
    permuted = {**obs, **permuted, "action_mask": obs["action_mask"][:, order]}
    logits = compute_logits(policy, obs)
    torch.testing.assert_close(compute_logits(policy, permuted), logits[:, order])
    assert torch.equal(evaluate(policy, permuted)[1], evaluate(policy, obs)[1])
    assert not torch.allclose(logits, logits[:, order], atol=1e-2)


@pytest.mark.parametrize("policy_class", POLICIES)
@pytest.mark.parametrize("terms", [{}, TERMS_OFF, {"hard": True}], ids=["all", "none", "hard"])
def test_invalid_proposals_have_probability_zero(envs, obs, policy_class, terms):
    policy = make_policy(policy_class, envs, **terms)
    invalid = obs["action_mask"] == 0
    assert (evaluate(policy, obs)[0].numpy()[invalid] == 0).all()
    torch.manual_seed(0)
    for _ in range(50):
        action, _ = policy.predict(obs)
        assert obs["action_mask"][np.arange(64), action].all()


def test_logits_are_the_sum_of_the_three_terms(envs, obs):
    """Recomputed in NumPy with the environment's own potential."""
    valid = obs["action_mask"] > 0
    potential = envs.episodes.chain.likelihood.potential
    goals = obs["desired_goal"].repeat(16, axis=0)
    phi = potential(obs["proposals"].reshape(goals.shape), goals).reshape(64, 16)
    gain = phi - potential(obs["observation"], obs["desired_goal"])[:, None]
    whole = make_policy(GCPolicy, envs, look_ahead=(0.2, 1.0))
    tensors, _ = whole.obs_to_tensor(obs)
    with torch.no_grad():
        latent = whole.mlp_extractor.forward_critic(whole.extract_features(tensors))
        direction = whole.scorer.point(latent).numpy()
        factor = whole.scorer.temperature_factor(tensors["step"]).numpy()
    assert np.abs(factor - 1).min() > 0.1
    change = (obs["proposals"] - obs["observation"][:, None]).reshape(64, 16, -1)
    score = np.einsum("bd,bad->ba", direction, change)
    beta = 0.2 + 0.8 * obs["step"]
    for terms, expected in (
        ({}, obs["log_prior"] + factor * beta * gain + score),
        ({"prior": False}, factor * beta * gain + score),
        ({"look_ahead": None}, obs["log_prior"] + score),
        ({"learned": False}, obs["log_prior"] + beta * gain),
        (TERMS_OFF, 0 * gain),
    ):
        policy = make_policy(GCPolicy, envs, **{"look_ahead": (0.2, 1.0), **terms})
        logits = compute_logits(policy, obs).numpy()
        np.testing.assert_allclose(logits[valid], expected[valid], rtol=1e-4, atol=2e-3)


def test_hard_selects_the_best_of_the_same_logits(envs, obs):
    soft, hard = (make_policy(GCPolicy, envs, hard=hard) for hard in (False, True))
    best = compute_logits(soft, obs).argmax(1)
    for deterministic in (False, True):
        np.testing.assert_array_equal(hard.predict(obs, deterministic=deterministic)[0], best)


def test_the_terms_can_be_changed_later(envs, obs, tmp_path):
    changed, wanted = make_policy(GCPolicy, envs), make_policy(GCPolicy, envs, look_ahead=None)
    changed.set_selection(look_ahead=None)
    assert torch.equal(compute_logits(changed, obs), compute_logits(wanted, obs))
    changed.save(tmp_path / "policy.zip")
    assert GCPolicy.load(tmp_path / "policy.zip").selection == wanted.selection
    with pytest.raises(ValueError, match="look_ahead must be two temperatures"):
        changed.set_selection(look_ahead=(1.0,))


def test_a_fresh_scorer_changes_nothing(envs, obs):
    fresh = GCPolicy(envs.single_observation_space, envs.single_action_space, lambda _: 1e-3)
    without = make_policy(GCPolicy, envs, learned=False)
    torch.testing.assert_close(compute_logits(fresh, obs), compute_logits(without, obs))
    assert (evaluate(fresh, obs)[1] == 0).all()


def test_weights_of_one_number_of_proposals_serve_another(envs, obs):
    policy = make_policy(GCPolicy, envs)
    fewer = make_policy(GCPolicy, make_envs(4, num_proposals=5), seed=1)
    fewer.load_state_dict(policy.state_dict())
    few = {**obs, "proposals": obs["proposals"][:, :5], "log_prior": obs["log_prior"][:, :5]}
    few["action_mask"] = obs["action_mask"][:, :5]
    expected = compute_logits(policy, obs)[:, :5]
    torch.testing.assert_close(compute_logits(fewer, few), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("policy_class", POLICIES)
def test_a_policy_saves_and_loads_itself(envs, obs, policy_class, tmp_path):
    policy = make_policy(policy_class, envs, look_ahead=(0.5, 0.5), prior=False)
    policy.save(tmp_path / "policy.zip")
    loaded = policy_class.load(tmp_path / "policy.zip")
    assert loaded.selection == policy.selection
    assert torch.equal(compute_logits(loaded, obs), compute_logits(policy, obs))


@pytest.mark.parametrize("policy_class", POLICIES)
def test_compact_observations_are_refused(policy_class):
    env = make_env(obs_mode="compact")
    with pytest.raises(ValueError, match='obs_mode="pixels"'):
        policy_class(env.observation_space, env.action_space, lambda _: 1e-3)


def test_a_space_without_its_likelihood_is_refused():
    space = make_env().observation_space
    image = space["desired_goal"]
    plain = spaces.Box(image.low, image.high, image.shape, image.dtype)
    with pytest.raises(ValueError, match="the observation space has no likelihood"):
        find_likelihood(spaces.Dict({**space.spaces, "desired_goal": plain}))
