"""The GC-agent on canvases against the same policy on observations."""

import numpy as np
import pytest
import torch

from agents.gcgen.gc_agent import GCAgent
from agents.gcgen.rollout import rollout
from gcgen_env import GCGenVectorEnv
from gcgen_env.model.sampling import choose_best
from tests.agents.conftest import make_model
from tests.agents.toys import H, make_chain, make_goals, make_policy, randomise

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
    """One random walk, seen by both: the canvas by one, the observation by the other."""
    model, envs = pair
    chain, rng = model.chain, np.random.default_rng(0)
    obs, _ = envs.reset(seed=1)
    goal = torch.from_numpy(obs["desired_goal"])
    walk = []

    def compare(log_q):
        nonlocal obs
        tensors, _ = model.policy.obs_to_tensor(obs)
        q = model.policy.get_distribution(tensors).distribution.probs
        torch.testing.assert_close(log_q.exp(), q, rtol=0, atol=1e-3)
        walk.append(model.policy.predict_values(tensors))
        masked = np.where(obs["action_mask"], rng.random(q.shape), -1.0)
        obs, *_ = envs.step(masked.argmax(axis=1))
        return torch.from_numpy(masked.argmax(axis=1))

    agent = GCAgent(model.policy, chain)
    rollout(chain, agent, goal, compare)
    torch.testing.assert_close(agent.values(), torch.cat(walk, dim=1), rtol=1e-3, atol=1e-3)
    assert len(walk) == chain.horizon


def test_the_sample_path_never_meets_a_goal():
    """Generation calls neither the GC-agent nor the likelihood of any goal."""
    model = make_model(updates=1)
    before = model.sample(8, seed=0)
    randomise(model.policy, scale=5.0)
    model.env.envs.core.goal[:] = 1.0
    np.testing.assert_array_equal(model.sample(8, seed=0), before)


def test_paths_record_what_the_functions_say():
    """Potentials, log p_S and log q of a roll-out, recomputed from its actions alone."""
    chain = make_chain("network", nucleus=0.7)
    goals, policy = make_goals(chain), make_policy(chain, seed=0)
    with torch.no_grad():
        path = rollout(chain, GCAgent(policy, chain), goals, choose_best)
        canvas = chain.dynamics.start(8)
        for h in range(H):
            step = torch.full((8,), h)
            phi = chain.likelihood.log_prob(canvas, goals)
            torch.testing.assert_close(path.potential[:, h], phi)
            log_prior = chain.prior(canvas, step)
            chosen = path.action[:, h : h + 1]
            assert log_prior.gather(1, chosen).isfinite().all()
            torch.testing.assert_close(path.log_prior[:, h], log_prior.gather(1, chosen)[:, 0])
            canvas = chain.choose(canvas, step, path.action[:, h])
        torch.testing.assert_close(path.canvas, canvas)
        torch.testing.assert_close(path.potential[:, H], chain.likelihood.log_prob(canvas, goals))


def test_the_gradient_of_the_gc_agent_stays_out_of_the_s_agent():
    chain = make_chain("network")
    chain.proposer.requires_grad_(True)
    policy = make_policy(chain, seed=0)
    path = rollout(chain, GCAgent(policy, chain), make_goals(chain), choose_best)
    path.log_q.sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in chain.proposer.parameters())
    assert policy.scorer.direction.weight.grad.any()


def test_scores_in_bfloat16_are_those_of_the_weights_of_now():
    model = make_model(updates=10, learning_rate=0.05, precision="bfloat16")
    goals = torch.eye(16, 64).view(16, 1, 8, 8)
    gains = {}
    for dtype in (torch.float32, torch.bfloat16):
        gains[dtype] = []

        def note(decision, kept=gains[dtype]):
            kept.append(decision.gain)
            return torch.zeros_like(decision.log_prior).log_softmax(-1)

        with torch.no_grad():
            rollout(model.chain, note, goals, lambda log_q: torch.arange(16), dtype)
    exact, rounded = (torch.stack(each) for each in gains.values())
    assert exact.std() > 0.2
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.05)
