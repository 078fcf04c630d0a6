"""The S-agent by itself: its law, its files, the values it leaves alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents import SAgent
from gcgen_env.config import ENV_CONFIGS
from gcgen_env.datasets import load_dataset
from gcgen_env.datasets.images import make_image_dataset
from gcgen_env.model.s_agent import find_active
from tests.agents.toys import PIXELS, enumerate_paths, make_chain

NUM = 20_000


@pytest.mark.parametrize("nucleus", [1.0, 0.7])
def test_samples_follow_p_s_over_codes(nucleus):
    """Frequencies of the 27 images against the enumerated probabilities of their codes."""
    chain = make_chain("network", nucleus)
    paths = enumerate_paths(chain)
    expected = paths.log_prior.sum(1).exp().numpy()
    images = chain.likelihood.mean(paths.canvas[-1]).reshape(27, 3).numpy()
    samples = SAgent(chain.proposer, chain).sample(NUM, seed=0).reshape(NUM, 3)
    nearest = np.abs(samples[:, None] - images).sum(-1)
    assert nearest.min(axis=1).max() < 1e-5
    shares = np.bincount(nearest.argmin(axis=1), minlength=27) / NUM
    np.testing.assert_allclose(shares, expected, atol=4 * np.sqrt(0.25 / NUM))
    assert (shares[expected == 0] == 0).all()


def test_drawn_values_follow_the_means():
    chain = make_chain("network")
    agent = SAgent(chain.proposer, chain)
    means, drawn = (agent.sample(NUM, seed=0, draw=draw) for draw in ("mean", "sample"))
    np.testing.assert_allclose(drawn.mean(axis=0), means.mean(axis=0), atol=0.02)
    steps = agent.sample(8, seed=0, draw="sample", return_trajectory=True)
    assert set(np.unique(steps[-1])) <= {0.0, 1.0} and steps[0, 0, 0, 0, 0] not in (0.0, 1.0)


def test_save_and_load_keep_everything(tmp_path):
    config = replace(ENV_CONFIGS["GCGen-Digits-v0"], rate=0.7, initial_state="noise")
    agent = SAgent.fresh(config, load_dataset("digits", "train"), width=32)
    path = agent.save(tmp_path / "deep" / "agent.any", note="kept")
    loaded = SAgent.load(path)
    assert loaded.metadata == {"dataset": "digits", "note": "kept"}
    np.testing.assert_array_equal(loaded.sample(8, seed=0), agent.sample(8, seed=0))
    assert torch.equal(loaded.chain.dynamics.rate, torch.full((8,), 0.7))
    half = SAgent.load(agent.save(tmp_path / "half", half=True))
    assert (tmp_path / "half").stat().st_size < 0.6 * path.stat().st_size
    np.testing.assert_allclose(half.sample(8, seed=0), agent.sample(8, seed=0), atol=1e-2)


def test_values_that_never_vary_are_left_alone():
    images = np.zeros((50, 1, 4, 4), np.uint8)
    images[:, 0, 0, 0] = np.arange(50) * 5  # varies
    images[:, 0, 1, 1] = 255  # constant
    data = make_image_dataset("patch", images, "train")
    right = torch.from_numpy(data.mean())
    assert find_active(data, right).nonzero().tolist() == [[0, 0, 0]]
    wrong = torch.zeros(1, 4, 4)
    assert find_active(data, wrong).nonzero().tolist() == [[0, 0, 0], [0, 1, 1]]


def test_moving_to_a_device_keeps_the_numbers():
    chain = make_chain("network")
    agent = SAgent(chain.proposer, chain)
    np.testing.assert_array_equal(agent.to("cpu").sample(4, seed=0), agent.sample(4, seed=0))
    assert agent.device.type == "cpu" and agent.chain.shape == PIXELS
