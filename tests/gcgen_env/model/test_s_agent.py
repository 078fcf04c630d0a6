"""The S-agent: its distribution over images, decoding, and its file."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gcgen_env.model.build import make_s_agent, open_data
from gcgen_env.model.chain import Chain, Dynamics
from gcgen_env.model.likelihoods import Bernoulli, Gaussian
from gcgen_env.model.network import ProposalNetwork
from gcgen_env.model.network_config import NetworkConfig
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent
from gcgen_env.tasks import ENV_CONFIGS

A, H = 4, 3
NUM = 20_000
METADATA = {"dataset": "toy", "seed": 7, "bound": [12.5, 0.1], "command": "gcgen train"}
CONFIGS = {
    "bernoulli": {"shape": (1, 4, 4), "likelihood": "bernoulli"},
    "colour": {"shape": (3, 5, 6), "likelihood": "gaussian", "body": "conv"},
    "point": {"shape": (2,), "likelihood": "gaussian", "uniform_prior": True},
}
LIKELIHOODS = {
    "bernoulli": Bernoulli(3),
    "colour": Gaussian(3, 0.0, 1.0, 0.25),
    "point": Gaussian(1, -1.0, 1.0, 0.05),
}
EACH = pytest.mark.parametrize("name", CONFIGS)


def make_agent(name="bernoulli", active=None, nucleus=1.0):
    torch.manual_seed(0)
    config = NetworkConfig(num_proposals=A, horizon=H, width=16, **CONFIGS[name])
    network = ProposalNetwork(config, active)
    if not config.uniform_prior:
        nn.init.normal_(network.prior_head.weight)
    dynamics = Dynamics(torch.randn(config.shape), torch.rand(H))
    return SAgent(Chain(network, dynamics, LIKELIHOODS[name], nucleus), METADATA)


def make_distinct(nucleus):
    """Make an S-agent whose A^H images are clearly different."""
    agent = make_agent(nucleus=nucleus)
    nn.init.normal_(agent.network.head.weight)
    nn.init.normal_(agent.network.head.bias)
    return agent


def list_codes():
    """Return all codes, shape (A^H, H)."""
    return np.array(list(itertools.product(range(A), repeat=H)))


@torch.no_grad()
def compute_log_prior(chain, codes):
    """Return log p_S of each choice of the codes, shape (B, H)."""
    canvas, log_prior = chain.dynamics.start(len(codes)), []
    for h, action in enumerate(torch.from_numpy(codes).T):
        step = torch.full((len(codes),), h)
        table = chain.propose(canvas, step).log_prior
        log_prior.append(table.gather(1, action.unsqueeze(1)).squeeze(1))
        canvas = chain.choose(canvas, step, action)
    return torch.stack(log_prior, dim=1)


def compute_outputs(agent):
    """Return the proposals and the prior at the initial state, for each step."""
    with torch.no_grad():
        return agent.network.propose(agent.chain.dynamics.start(H), torch.arange(H))


class TestSampling:
    @pytest.mark.parametrize("nucleus", [1.0, 0.7])
    def test_samples_follow_p_s_over_codes(self, nucleus):
        """Frequencies of the 64 images against the enumerated probabilities of their codes."""
        agent = make_distinct(nucleus)
        codes = list_codes()
        expected = compute_log_prior(agent.chain, codes).sum(1).exp().numpy()
        images = agent.decode(codes).reshape(len(codes), -1)
        samples = agent.sample(NUM, seed=0).reshape(NUM, -1)
        distance = np.stack([np.abs(samples - image).sum(1) for image in images], axis=1)
        assert distance.min(axis=1).max() < 1e-4
        shares = np.bincount(distance.argmin(axis=1), minlength=len(codes)) / NUM
        np.testing.assert_allclose(shares, expected, atol=4 * np.sqrt(0.25 / NUM))
        assert (shares[expected == 0] == 0).all()
        assert (expected == 0).any() == (nucleus < 1)

    def test_drawn_values_follow_the_means(self):
        agent = make_agent()
        means, drawn = (agent.sample(NUM, seed=0, draw=draw) for draw in ("mean", "sample"))
        np.testing.assert_allclose(drawn.mean(axis=0), means.mean(axis=0), atol=0.02)
        steps = agent.sample(8, seed=0, draw="sample", return_trajectory=True)
        assert steps.shape == (H + 1, 8, 1, 4, 4)
        assert set(np.unique(steps[-1])) <= {0.0, 1.0} and steps[0, 0, 0, 0, 0] not in (0.0, 1.0)

    def test_a_seed_repeats_the_samples_and_no_seed_draws_anew(self):
        agent = make_distinct(1.0)
        first = agent.sample(50, seed=1)
        np.testing.assert_array_equal(agent.sample(50, seed=1), first)
        assert not np.array_equal(agent.sample(50, seed=2), first)
        assert not np.array_equal(agent.sample(50), agent.sample(50))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"num": 0}, "num must be at least 1 .it counts images., got 0"),
            ({"num": 1, "draw": "mode"}, "draw must be 'mean' or 'sample', got 'mode'"),
        ],
    )
    def test_wrong_arguments_are_named(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_agent().sample(**arguments)


class TestDecoding:
    @EACH
    def test_decoding_adds_the_chosen_proposals(self, name):
        agent, codes = make_agent(name), list_codes()
        expected = agent.chain.dynamics.start(len(codes))
        for h in range(H):
            with torch.no_grad():
                step = torch.full((len(codes),), h)
                delta = agent.network.propose(expected, step)[0]
            chosen = delta[torch.arange(len(codes)), torch.from_numpy(codes[:, h])]
            expected = expected + agent.chain.dynamics.rate[h] * chosen
        images = agent.decode(codes)
        np.testing.assert_allclose(images, agent.likelihood.mean(expected), rtol=1e-5, atol=1e-6)

    def test_a_prefix_of_a_code_gives_the_image_on_the_way(self):
        agent, codes = make_agent(), list_codes()
        trajectory = agent.decode(codes, return_trajectory=True)
        assert trajectory.shape == (H + 1, len(codes), 1, 4, 4)
        for h in range(H + 1):
            np.testing.assert_array_equal(agent.decode(codes[:, :h]), trajectory[h])

    @pytest.mark.parametrize(
        ("codes", "message"),
        [
            ([0, 1, 2], r"shape \(B, h\) with h <= 3, got \(3,\)"),
            ([[0, 1, 2, 3]], r"shape \(B, h\) with h <= 3, got \(1, 4\)"),
            ([[0.0]], "integers, got float64"),
            ([[0, 4]], r"lie in \[0, 4\), got 0\.\.4"),
            ([[-1, 2]], r"lie in \[0, 4\), got -1\.\.2"),
        ],
    )
    def test_wrong_codes_are_named(self, codes, message):
        with pytest.raises(ValueError, match=f"codes must .*{message}"):
            make_agent().decode(codes)


class TestSaving:
    @EACH
    def test_round_trip_is_exact(self, tmp_path, name):
        agent = make_agent(name)
        loaded = SAgent.load(agent.save(tmp_path / "deep" / "agent.any"))
        assert loaded.network.config == agent.network.config
        assert loaded.likelihood == agent.likelihood
        assert loaded.metadata == METADATA
        assert torch.equal(loaded.chain.dynamics.initial, agent.chain.dynamics.initial)
        assert torch.equal(loaded.chain.dynamics.rate, agent.chain.dynamics.rate)
        for own, expected in zip(compute_outputs(loaded), compute_outputs(agent), strict=True):
            assert torch.equal(own, expected)
        np.testing.assert_array_equal(loaded.sample(8, seed=0), agent.sample(8, seed=0))

    def test_a_fresh_agent_keeps_the_environments_rate_and_initial_state(self, tmp_path):
        config = replace(ENV_CONFIGS["GCGen-Digits-v0"], rate=0.7, initial_state="noise")
        agent = make_s_agent(config, open_data(config), None, width=32)
        loaded = SAgent.load(agent.save(tmp_path / "agent"))
        np.testing.assert_array_equal(loaded.sample(8, seed=0), agent.sample(8, seed=0))
        assert torch.equal(loaded.chain.dynamics.rate, torch.full((8,), 0.7))

    def test_metadata_can_be_added_to_the_file(self, tmp_path):
        agent = make_agent()
        loaded = SAgent.load(agent.save(tmp_path / "agent", note="kept", seed=8))
        assert loaded.metadata == {**METADATA, "note": "kept", "seed": 8}
        assert agent.metadata == METADATA

    def test_the_active_values_are_kept(self, tmp_path):
        agent = make_agent(active=torch.arange(16).view(1, 4, 4) % 3 == 0)
        loaded = SAgent.load(agent.save(tmp_path / "agent"))
        assert loaded.network.pixels.tolist() == [0, 3, 6, 9, 12, 15]
        assert torch.equal(compute_outputs(loaded)[0], compute_outputs(agent)[0])

    @EACH
    def test_half_precision_is_close_and_smaller(self, tmp_path, name):
        agent = make_agent(name)
        full, half = agent.save(tmp_path / "full"), agent.save(tmp_path / "half", half=True)
        assert half.stat().st_size < 0.8 * full.stat().st_size
        loaded = SAgent.load(half)
        assert {p.dtype for p in loaded.network.parameters()} == {torch.float32}
        assert torch.equal(loaded.chain.dynamics.initial, agent.chain.dynamics.initial)
        for own, expected in zip(compute_outputs(loaded), compute_outputs(agent), strict=True):
            torch.testing.assert_close(own, expected, rtol=0.01, atol=0.005)

    def test_half_precision_of_the_shipped_sizes(self, tmp_path):
        config = ENV_CONFIGS["GCGen-Digits-v0"]
        agent = make_s_agent(config, open_data(config), None, width=32)
        full, half = agent.save(tmp_path / "full"), agent.save(tmp_path / "half", half=True)
        assert half.stat().st_size < 0.6 * full.stat().st_size
        images = SAgent.load(half).sample(8, seed=0)
        np.testing.assert_allclose(images, agent.sample(8, seed=0), atol=1e-2)

    def test_a_loaded_network_is_frozen(self, tmp_path):
        network = SAgent.load(make_agent().save(tmp_path / "agent")).network
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())

    def test_saving_again_gives_the_same_bytes(self, tmp_path):
        first = make_agent().save(tmp_path / "first")
        second = SAgent.load(first).save(tmp_path / "second")
        assert first.read_bytes() == second.read_bytes()

    def test_unpacking_ignores_other_entries(self):
        agent = make_agent()
        document, tensors = agent.pack()
        document, tensors = {**document, "more": 1}, {**tensors, "critic.weight": torch.ones(1)}
        unpacked = SAgent.unpack(document, tensors, "cpu")
        assert torch.equal(compute_outputs(unpacked)[0], compute_outputs(agent)[0])

    def test_moving_to_a_device_keeps_the_numbers(self):
        agent = make_agent()
        moved = agent.to("cpu")
        np.testing.assert_array_equal(moved.sample(4, seed=0), agent.sample(4, seed=0))
        assert moved.device.type == "cpu" and moved.metadata == METADATA
        moved = make_agent().to("meta")
        assert moved.device.type == moved.network.head.weight.device.type == "meta"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        SAgent.load(tmp_path / "missing")


def test_the_shipped_data_sets_are_named():
    with pytest.raises(ValueError, match=r"no pretrained S-agent is shipped for .*'klingon'.*digi"):
        pretrained_path("klingon")
