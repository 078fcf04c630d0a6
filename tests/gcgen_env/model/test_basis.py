"""Bases: principal components, coordinates, and roll-outs in them."""

import math

import gymnasium as gym
import numpy as np
import pytest
import torch

from agents import GCGen
from agents.gcgen.evaluation_env import _is_same
from agents.gcgen.rollout import rollout
from gcgen_env import EnvConfig, GCGenVectorEnv
from gcgen_env.datasets import Dataset
from gcgen_env.model.basis import BATCH, find_components
from gcgen_env.model.build import make_s_agent, open_data
from gcgen_env.model.coordinates import RolloutSpace
from gcgen_env.model.perceptron import LinearHead
from gcgen_env.model.s_agent import SAgent
from gcgen_env.model.sampling import choose_best
from gcgen_env.testing import check_goal_env, check_vector_env

SHAPE = (3, 6, 5)
NUM = 60


def draw_images(num=NUM, rank=6, seed=0):
    """Draw smooth colour images that vary in a few directions, plus a little noise."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(1).normal(size=(rank, math.prod(SHAPE)))
    weights = rng.normal(size=(num, rank)) * 0.04 * np.arange(rank, 0, -1)
    noise = 0.005 * rng.normal(size=(num, math.prod(SHAPE)))
    images = 0.5 + weights @ directions / 3 + noise
    return images.clip(0, 1).astype(np.float32).reshape(num, *SHAPE)


def make_data(images=None):
    return Dataset("drawn", draw_images() if images is None else images, 1.0, 0.0, 1.0)


def make_config(**kwargs):
    images = (255 * draw_images()).astype(np.uint8)
    return EnvConfig(**{"dataset": images, "num_proposals": 5, "horizon": 4, **kwargs})


def make_agent(basis=6, seed=0, **kwargs):
    torch.manual_seed(seed)
    config = make_config(**kwargs)
    agent = make_s_agent(config, open_data(config), None, width=16, basis=basis)
    for weight in agent.network.prior_head.parameters():  # so that p_S is not uniform
        torch.nn.init.normal_(weight, std=0.3)
    return agent


class TestComponents:
    def test_are_those_of_a_singular_value_decomposition(self):
        data = make_data()
        mean = torch.from_numpy(data.mean())
        basis = find_components(data, mean, 5)
        rows = (data.take(np.arange(NUM)) - data.mean()).reshape(NUM, -1)
        _, values, vectors = np.linalg.svd(rows, full_matrices=False)
        overlap = np.abs(basis.vectors.numpy() @ vectors[:5].T)
        np.testing.assert_allclose(overlap, np.eye(5), atol=1e-3)
        np.testing.assert_allclose(0.3 * basis.scale, values[:5] / math.sqrt(NUM), rtol=1e-4)

    def test_are_orthonormal_and_the_same_each_time(self):
        data, mean = make_data(), torch.full(SHAPE, 0.5)
        one, other = find_components(data, mean, 8), find_components(data, mean, 8)
        torch.testing.assert_close(one.vectors @ one.vectors.T, torch.eye(8), atol=1e-5, rtol=0)
        assert torch.equal(one.vectors, other.vectors)
        assert torch.equal(one.scale, other.scale)

    def test_of_several_batches_are_those_of_one(self, monkeypatch):
        data, mean = make_data(), torch.full(SHAPE, 0.5)
        whole = find_components(data, mean, 4)
        monkeypatch.setattr("gcgen_env.model.basis.BATCH", 7)
        assert BATCH > NUM
        parts = find_components(data, mean, 4)
        overlap = (whole.vectors * parts.vectors).sum(1).abs()
        torch.testing.assert_close(overlap, torch.ones(4), atol=1e-4, rtol=0)

    @pytest.mark.parametrize("num", [1, 2, 10])
    def test_of_a_few_images_are_at_most_as_many(self, num):
        data = make_data(draw_images(num))
        basis = find_components(data, torch.full(SHAPE, 0.5), 50)
        assert basis.size == num
        images = torch.from_numpy(data.take(np.arange(num)))
        torch.testing.assert_close(basis.embed(basis.project(images)), images, atol=1e-4, rtol=0)

    def test_of_equal_images_are_finite(self):
        data = make_data(np.full((9, *SHAPE), 0.25, np.float32))
        basis = find_components(data, torch.full(SHAPE, 0.25), 4)
        assert torch.isfinite(basis.vectors).all()
        assert (basis.scale > 0).all()


class TestCoordinates:
    def test_of_training_images_vary_equally(self):
        data = make_data()
        basis = find_components(data, torch.from_numpy(data.mean()), 5)
        inside = basis.project(torch.from_numpy(data.take(np.arange(NUM))))[:, :-1]
        torch.testing.assert_close(
            inside.std(0, correction=0), torch.full((5,), 0.3), atol=1e-3, rtol=0
        )

    def test_keep_distances_to_canvases_in_the_span(self):
        data = make_data()
        basis = find_components(data, torch.full(SHAPE, 0.5), 4)
        goals = torch.from_numpy(data.take(np.arange(20)))
        canvas = basis.embed(torch.randn(20, 5))
        scale = torch.cat([basis.scale, torch.ones(1)])
        inside = (scale * (basis.project(goals) - basis.project(canvas))).square().sum(1)
        outside = (goals - canvas).flatten(1).square().sum(1)
        torch.testing.assert_close(inside, outside, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("obs_mode", ["pixels", "compact"])
def test_its_environments_conform(obs_mode):
    """An S-agent that a user has trained on colour images is a task like any other."""
    kwargs = {**vars(make_config(obs_mode=obs_mode)), "proposer": make_agent()}
    check_goal_env(gym.make("GCGen-Images-v0", **kwargs))
    check_vector_env(gym.make_vec("GCGen-Images-v0", 5, autoreset_mode="SameStep", **kwargs))


class TestRolloutSpace:
    def test_has_the_likelihood_of_images_that_are_not_clipped(self):
        agent = make_agent()
        space = RolloutSpace.of(agent.chain)
        goals = torch.from_numpy(draw_images(16, seed=3))
        x = 0.1 * torch.randn(16, agent.basis.size + 1)
        x[:, -1] = 0.0
        found = space.chain.likelihood.log_prob(x, space.enter(goals))
        expected = agent.chain.likelihood.log_prob(space.embed(x), goals)
        assert agent.basis.embed(x).min() > 0
        assert agent.basis.embed(x).max() < 1
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-2)

    @pytest.mark.parametrize("rate", [1.0, (0.5, 1.0, 2.0, 0.25)])
    def test_plays_the_game_of_the_images(self, rate):
        agent = make_agent(rate=rate)
        space = RolloutSpace.of(agent.chain)
        goals = torch.from_numpy(draw_images(16, seed=3))

        def greedy(state, decision):
            return decision.gain.log_softmax(-1)

        outer = rollout(agent.chain, greedy, goals, choose_best)
        inner = rollout(space.chain, greedy, space.enter(goals), choose_best)
        assert torch.equal(outer.action, inner.action)
        torch.testing.assert_close(outer.log_prior, inner.log_prior, atol=1e-4, rtol=0)
        torch.testing.assert_close(outer.potential, inner.potential, rtol=1e-4, atol=0.05)
        images = agent.basis.embed(inner.canvas[:, -1])
        torch.testing.assert_close(outer.canvas[:, -1], images, atol=1e-4, rtol=0)

    def test_is_the_chain_itself_without_a_basis(self):
        agent = make_agent(basis=0)
        space = RolloutSpace.of(agent.chain)
        assert agent.basis is None
        assert space.chain is agent.chain

    def test_environment_shows_the_images_of_its_proposals(self):
        agent = make_agent()
        config = make_config(proposer=agent)
        env = GCGenVectorEnv(3, **{k: v for k, v in vars(config).items() if k != "rate"})
        obs, _ = env.reset(seed=0)
        assert obs["proposals"].shape == (3, 5, *SHAPE)
        obs2, _, _, _, _ = env.step(np.array([0, 1, 4]))
        np.testing.assert_allclose(obs2["observation"], obs["proposals"][[0, 1, 2], [0, 1, 4]])


class TestSAgent:
    def test_file_holds_the_basis(self, tmp_path):
        agent = make_agent()
        agent.save(tmp_path / "a.safetensors")
        loaded = SAgent.load(tmp_path / "a.safetensors")
        for name, value in vars(agent.basis).items():
            assert torch.equal(value, getattr(loaded.basis, name)), name
        np.testing.assert_array_equal(agent.sample(4, seed=0), loaded.sample(4, seed=0))

    def test_half_a_file_draws_the_same(self, tmp_path):
        agent = make_agent()
        agent.save(tmp_path / "whole.safetensors")
        agent.save(tmp_path / "half.safetensors", half=True)
        whole, half = ((tmp_path / f"{n}.safetensors").stat().st_size for n in ("whole", "half"))
        assert half < 0.7 * whole
        loaded = SAgent.load(tmp_path / "half.safetensors")
        np.testing.assert_allclose(agent.sample(8, seed=0), loaded.sample(8, seed=0), atol=5e-3)

    def test_changes_of_x0_and_rate_leave_the_basis(self, tmp_path):
        agent = make_agent()
        agent.save(tmp_path / "a.safetensors")
        config = make_config(initial_state="zeros")
        again = make_s_agent(config, open_data(config), tmp_path / "a.safetensors", basis=6)
        assert again.basis.size == agent.basis.size == 5  # as many as the bits suffice for
        assert not again.chain.dynamics.initial.any()
        with pytest.raises(ValueError, match="has basis=5, asked for 3"):
            make_s_agent(config, open_data(config), tmp_path / "a.safetensors", basis=3)

    def test_a_damaged_basis_is_named(self, tmp_path):
        document, tensors = make_agent().pack()
        for name, wrong, words in [
            ("basis.vectors", torch.zeros(5, 4), "basis.vectors has shape"),
            ("basis.scale", torch.zeros(5), "basis.scale must be positive"),
            ("basis.centre", torch.full(SHAPE, torch.nan), "basis.centre holds NaN"),
            ("basis.vectors", 3 * tensors["basis.vectors"], "basis.vectors must be orthonormal"),
        ]:
            with pytest.raises(ValueError, match=words):
                SAgent.unpack(document, {**tensors, name: wrong}, "cpu")
        with pytest.raises(LookupError):
            SAgent.unpack(document, {k: v for k, v in tensors.items() if k != "basis.scale"}, "cpu")

    def test_bernoulli_has_no_basis(self):
        with pytest.raises(
            ValueError, match="basis=4 needs likelihood='gaussian', got 'bernoulli'"
        ):
            make_agent(basis=4, likelihood="bernoulli")

    @pytest.mark.parametrize("basis", [None, 0, 4])
    def test_a_new_s_agent_has_no_convolutions(self, basis):
        config = make_config()
        with pytest.raises(ValueError, match="a new S-agent has body='mlp', got 'conv'"):
            make_s_agent(config, open_data(config), None, basis=basis, body="conv")

    def test_a_copy_may_be_asked_for_more_components_than_there_are(self):
        agent = make_agent()
        config = make_config()
        assert make_s_agent(config, open_data(config), agent, basis=400).basis.size == 5
        with pytest.raises(ValueError, match="has basis=5, asked for 0"):
            make_s_agent(config, open_data(config), agent, basis=0)

    def test_large_images_have_one_by_default(self):
        images = np.random.default_rng(0).integers(0, 255, (30, 18, 18, 3)).astype(np.uint8)
        config = EnvConfig(dataset=images, num_proposals=3, horizon=2)
        data = open_data(config)
        agent = make_s_agent(config, data, None)
        assert agent.basis.size == 19  # of 21 training images; two have no bits
        in_pixels = make_s_agent(config, data, None, basis=0)
        assert in_pixels.basis is None and in_pixels.network.config.body == "mlp"
        small = EnvConfig(dataset=images[:, :8, :8], num_proposals=3, horizon=2)
        assert make_s_agent(small, open_data(small), None).basis is None

    @pytest.mark.parametrize("basis", [0, 4])
    def test_groups_are_not_chosen(self, basis):
        config = make_config()
        with pytest.raises(ValueError, match="groups follow from the images: omit them"):
            make_s_agent(config, open_data(config), None, basis=basis, groups=((0, 1),) * 4)

    def test_linear_maps_instead_of_codewords(self):
        config = make_config()
        agent = make_s_agent(config, open_data(config), None, basis=4, features=5, width=16)
        assert isinstance(agent.network.head, LinearHead)
        assert agent.basis.size == 4
        y, log_prior = agent.chain.proposer.propose(torch.zeros(2, *SHAPE), torch.tensor([0, 1]))
        assert y.shape == (2, 5, *SHAPE)
        assert log_prior.exp().sum(1).tolist() == pytest.approx([1, 1], rel=1e-5)


class TestModel:
    def make_model(self, policy="GCPolicy", env=None, **kwargs):
        images = (255 * draw_images()).astype(np.uint8)
        env_kwargs = {"dataset": images, "num_proposals": 5, "horizon": 4, **(env or {})}
        return GCGen(
            policy, "GCGen-Images-v0", env_kwargs=env_kwargs, seed=0, batch_size=16, n_envs=16,
            **{"s_agent_kwargs": {"width": 16, "basis": 6}, **kwargs},
        )  # fmt: skip

    def test_learns_saves_and_goes_on_exactly(self, tmp_path):
        model = self.make_model()
        model.learn(4 * 16 * 4, log_interval=None)
        model.save(tmp_path / "model.gcgen")
        env = model.env_config
        loaded = GCGen.load(tmp_path / "model.gcgen", env=GCGenVectorEnv(16, **vars(env)))
        for each in (model, loaded):
            each.learn(4 * 16 * 4, log_interval=None, reset_num_timesteps=False)
        for name, value in model.s_agent.network.state_dict().items():
            assert torch.equal(value, loaded.s_agent.network.state_dict()[name]), name

    def test_bound_is_that_of_the_images(self):
        model = self.make_model()
        model.learn(10 * 16 * 4, log_interval=None)
        images = draw_images(12, seed=5)
        report = model.evaluate_nll(images, search="beam", width=4)
        codes = model.encode(images, search="beam", width=4)
        chain, goals = model.chain, torch.from_numpy(images)
        decoded = chain.likelihood.to_canvas(torch.from_numpy(model.decode(codes)))
        reconstruction = -chain.likelihood.log_prob(decoded, goals).mean()
        assert report.reconstruction == pytest.approx(float(reconstruction), abs=0.05)

    def test_bound_is_that_of_the_images_from_another_x0(self):
        """An x_0 outside of the span has no coordinates."""
        trained = make_agent()
        model = self.make_model(s_agent=trained, env={"initial_state": "zeros"})
        images = draw_images(12, seed=5)
        report = model.evaluate_nll(images, search="beam", width=4)
        rebuilt = torch.from_numpy(model.reconstruct(images, search="beam", width=4))
        likelihood = model.chain.likelihood
        reconstruction = -likelihood.log_prob(rebuilt, torch.from_numpy(images)).mean()
        assert report.reconstruction == pytest.approx(float(reconstruction), rel=1e-4)
        model.learn(2 * 16 * 4, log_interval=None)  # on the canvases

    def test_weights_of_another_basis_are_refused(self, tmp_path):
        model, other = self.make_model(), self.make_model()
        other.s_agent.basis.vectors.neg_()
        other.save(tmp_path / "other.gcgen")
        with pytest.raises(ValueError, match="another size, basis, likelihood"):
            model.set_parameters(str(tmp_path / "other.gcgen"))

    def test_a_policy_that_searches_sees_images(self):
        model = self.make_model(policy="SearchPolicy", gc_objective="tree_search")
        model.learn(2 * 16 * 4, log_interval=None)
        assert model.encode(draw_images(3, seed=5)).shape == (3, 4)

    def test_learning_explains_images_better(self):
        """The prior learns that coordinates of points on a curve go together."""
        angle = np.random.default_rng(0).uniform(0, 2 * np.pi, (200, 1)) * np.arange(1, 4)
        points = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)  # (200, 6)
        directions = np.random.default_rng(1).normal(size=(6, math.prod(SHAPE)))
        images = (0.5 + 0.04 * points @ directions).clip(0, 1).reshape(-1, *SHAPE)
        data = (255 * images.transpose(0, 2, 3, 1)).astype(np.uint8)
        env = {"dataset": data, "num_proposals": 16, "horizon": 6}
        model = self.make_model(env=env, s_agent_kwargs={"width": 32})
        before = model.evaluate_nll(images.astype(np.float32))
        model.learn(100 * 16 * 6, log_interval=None)
        after = model.evaluate_nll(images.astype(np.float32))
        assert sum(after.divergence) < sum(before.divergence) - 1
        assert after.nll < before.nll - 1

    def test_evaluation_of_its_own_proposals_is_recognised(self):
        model = self.make_model(s_agent=make_agent(), train_s_agent=False)
        own, copy = make_agent().chain.proposer, make_agent().chain.proposer
        assert _is_same(own, copy, is_trained=False)
        assert not _is_same(own, copy, is_trained=True)
        assert not _is_same(own, make_agent(seed=1).chain.proposer, is_trained=False)
        proposer = model.get_env().envs.episodes.chain.proposer
        assert _is_same(proposer, model.s_agent.chain.proposer, is_trained=True)

    def test_learned_score_sees_images(self):
        model = self.make_model(policy_kwargs={"learned": True}, gc_interval=1)
        model.learn(2 * 16 * 4, log_interval=None)
        assert model.encode(draw_images(3, seed=5)).shape == (3, 4)
