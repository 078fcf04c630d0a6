"""Decisions: of canvases against enumeration, and against those read from observations."""

import numpy as np
import pytest
import torch

from agents.common.decision import (
    INVALID_LOGIT,
    State,
    decide,
    pack,
    packed_sizes,
    read_observation,
    unpack,
)
from agents.gcgen.rollout import rollout
from gcgen_env import GCGenVectorEnv
from tests.agents.conftest import make_envs, make_model
from tests.agents.toys import (
    KINDS,
    A,
    H,
    make_chain,
    make_goals,
    make_policy,
    propose_all,
    randomise,
)
from tests.gcgen_env.sample_proposers import OnlyPropose

SETTINGS = {
    "digits": ("GCGen-Digits-v0", {}),
    "pruned": ("GCGen-Digits-v0", {"nucleus": 0.8}),
    "points": ("GCGen-Toy2D-v0", {}),
}


@pytest.fixture(scope="module", params=SETTINGS)
def pair(request, tmp_path_factory):
    """A model with a random score, and the environment that its saved S-agent makes."""
    env_id, env_kwargs = SETTINGS[request.param]
    model = make_model(updates=3, env=env_id, env_kwargs=env_kwargs, learning_rate=1e-2)
    randomise(model.policy, scale=0.2)
    path = model.s_agent.save(tmp_path_factory.mktemp(request.param) / "s_agent")
    options = {**vars(model.env_config), "proposer": str(path)}
    return model, GCGenVectorEnv(32, autoreset_mode="Disabled", **options)


def roll_environment(model, envs):
    """Step with the deterministic policy; return goals, codes and the last images."""
    obs, _ = envs.reset(seed=0)
    goals, actions = obs["desired_goal"], []
    for _ in range(envs.config.horizon):
        action, _ = model.predict(obs, deterministic=True)
        obs, _, _, _, info = envs.step(action)
        assert not info["invalid_action"].any()
        actions.append(action)
    return goals, np.stack(actions, axis=1), obs["achieved_goal"]


def test_encoding_is_stepping_the_environment(pair):
    model, envs = pair
    goals, codes, images = roll_environment(model, envs)
    encoded = model.encode(goals)
    same = (encoded == codes).all(axis=1)
    assert same.mean() > 0.9  # all but ties within rounding
    np.testing.assert_allclose(model.decode(codes), images, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(goals)[same], images[same], atol=1e-5)
    assert len(np.unique(codes, axis=0)) > 3


@torch.no_grad()
def test_distributions_and_values_agree(pair):
    """One random walk, on which one decision is made of canvases, the other of observations."""
    model, envs = pair
    chain, rng = model.chain, np.random.default_rng(0)
    selection = model.policy.make_selection()
    obs, _ = envs.reset(seed=1)
    goal = torch.from_numpy(obs["desired_goal"])
    values, walk = [], []

    def select(state, decision):
        values.append(model.policy.value_net(selection.embed(decision)))
        return selection(state, decision)

    def compare(log_q):
        nonlocal obs
        tensors, _ = model.policy.obs_to_tensor(obs)
        q = model.policy.get_distribution(tensors).distribution.probs
        torch.testing.assert_close(log_q.exp(), q, rtol=0, atol=1e-3)
        walk.append(model.policy.predict_values(tensors))
        masked = np.where(obs["action_mask"], rng.random(q.shape), -1.0)
        obs, *_ = envs.step(masked.argmax(axis=1))
        return torch.from_numpy(masked.argmax(axis=1))

    rollout(chain, select, goal, compare)
    torch.testing.assert_close(torch.cat(values), torch.cat(walk), rtol=1e-3, atol=1e-3)
    assert len(walk) == chain.horizon


@pytest.mark.parametrize("nucleus", [1.0, 0.7])
@pytest.mark.parametrize("kind", KINDS)
def test_a_decision_is_what_the_functions_of_the_chain_give(kind, nucleus):
    chain = make_chain(kind, nucleus)
    goals, step = make_goals(chain), torch.arange(8) % H
    canvas = torch.randn(8, *chain.shape, generator=torch.Generator().manual_seed(0)) / 2
    state = State(canvas.requires_grad_(), goals, step)
    decision = decide(chain, chain.propose(canvas, step), state)
    with torch.no_grad():
        delta, log_prior = propose_all(chain, canvas, step)
        reached = chain.dynamics.advance(canvas.unsqueeze(1), delta, step)  # (8, A, *S)
        mean, phi = chain.likelihood.mean, chain.likelihood.log_prob
        gain = phi(reached, goals.unsqueeze(1)) - phi(canvas, goals)[:, None]
        expected = {
            "image": mean(canvas).flatten(1),
            "goal": goals.flatten(1),
            "progress": step[:, None] / H,
            "log_prior": log_prior,
            "gain": gain,
            "proposals": mean(reached).flatten(2),
            "values": mean(canvas).flatten(1),
        }
    for name, value in expected.items():
        found = getattr(decision, name)
        torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-5, msg=name)
        assert not found.requires_grad, name
    assert torch.equal(decision.compress(decision.image), decision.values)
    assert (decision.log_prior == -torch.inf).any() == (nucleus < 1)


@pytest.fixture(scope="module")
def observed():
    """The likelihood of some environments, and their observations in the middle of episodes."""
    envs = make_envs(8, proposer=OnlyPropose(), nucleus=0.8)
    envs.reset(seed=0)
    for h in range(3):
        obs, *_ = envs.step(np.full(8, h))
    return envs.episodes.chain.likelihood, obs


def test_observations_are_read_as_decisions(observed):
    likelihood, obs = observed
    before = {key: value.copy() for key, value in obs.items()}
    decision = read_observation(likelihood, {k: torch.as_tensor(v) for k, v in obs.items()})
    for key in obs:  # reading leaves the observation unchanged
        np.testing.assert_array_equal(obs[key], before[key])
    np.testing.assert_array_equal(decision.proposals, obs["proposals"].reshape(8, 16, 64))
    np.testing.assert_array_equal(decision.progress, np.full((8, 1), 3 / 8))
    invalid = obs["action_mask"] == 0
    assert invalid.any()
    assert (decision.log_prior.numpy()[invalid] == INVALID_LOGIT).all()
    np.testing.assert_array_equal(decision.log_prior[~invalid], obs["log_prior"][~invalid])
    goals = obs["desired_goal"].repeat(16, axis=0)
    phi = likelihood.potential(obs["proposals"].reshape(goals.shape), goals).reshape(8, 16)
    gain = phi - likelihood.potential(obs["observation"], obs["desired_goal"])[:, None]
    np.testing.assert_allclose(decision.gain, gain, rtol=1e-4, atol=1e-3)


def test_packing_is_undone_by_unpacking(observed):
    likelihood, obs = observed
    decision = read_observation(likelihood, {k: torch.as_tensor(v) for k, v in obs.items()})
    rows = pack(decision)
    assert rows.shape == (8, sum(packed_sizes(16, 64)))
    found = unpack(rows, 16, 64)
    for name in decision._fields[:-1]:
        assert torch.equal(getattr(found, name), getattr(decision, name)), name
    assert found.compress(found.image) is found.image


def test_bfloat16_changes_the_scores_and_nothing_else():
    chain = make_chain("network")
    canvas, step = chain.dynamics.start(8), torch.zeros(8, dtype=torch.long)
    state = State(canvas, make_goals(chain), step)
    exact, rounded = (
        decide(chain, chain.propose(canvas, step), state, dtype)
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert not torch.equal(exact.gain, rounded.gain)
    torch.testing.assert_close(rounded.gain, exact.gain, rtol=0.05, atol=0.05)
    for name in ("image", "goal", "progress", "log_prior", "values"):
        assert torch.equal(getattr(exact, name), getattr(rounded, name)), name
    assert rounded.gain.dtype == torch.float32 and rounded.gain.shape == (8, A)


def test_a_policy_reads_the_sizes_of_the_space():
    """The features extractor unpacks what it packed, for other sizes than those of Digits."""
    chain = make_chain("network")
    extractor = make_policy(chain).features_extractor
    rows = torch.arange(float(sum(packed_sizes(A, 3)))).unsqueeze(0)
    decision = extractor.unpack(rows)
    assert decision.proposals.shape == (1, A, 3)
    assert torch.equal(pack(decision), rows)
