"""Files saved before an inner rewrite still load, and give the numbers that they gave then."""

from pathlib import Path

import numpy as np
import pytest

from agents import GCGen, SAgent

DATA = Path(__file__).parent / "data"
POINTS = np.array([[-0.5, 0.5], [0.0, 0.0], [0.5, -0.5], [0.9, 0.2]], np.float32)
SAMPLES = [[0.010084, -0.009208], [0.069481, 0.032968], [-0.001456, -0.003626]]
BASIS_SAMPLES = [
    [0.565624, 0.573656, 0.535438], [0.608440, 0.543176, 0.572695], [0.389699, 0.403108, 0.487308],
]  # fmt: skip
HALF_SAMPLES = [[0.010076, -0.009207], [0.069473, 0.032970], [-0.001461, -0.003623]]


def test_an_earlier_model_gives_its_numbers():
    model = GCGen.load(DATA / "model.gcgen")
    np.testing.assert_allclose(model.sample(3, seed=0), SAMPLES, atol=2e-6)
    codes = [[1, 1, 1], [0, 1, 0], [2, 0, 0], [2, 2, 2]]
    np.testing.assert_array_equal(model.encode(POINTS), codes)
    assert model.evaluate_nll(POINTS, num_paths=4).nll == pytest.approx(73.09682, abs=1e-3)
    assert (model.num_timesteps, model._n_updates, model.progress) == (240, 5, 1.0)


def test_an_earlier_model_can_be_trained_further():
    model = GCGen.load(DATA / "model.gcgen")
    moments = model.optimizer.state_dict()["state"]
    assert moments and all(state["step"] == 5 for state in moments.values())
    model.set_env(model.env_config)
    model.learn(16 * 3, reset_num_timesteps=False)
    assert (model.num_timesteps, model._n_updates) == (240 + 48, 6)


def test_an_earlier_s_agent_in_half_precision_gives_its_numbers():
    s_agent = SAgent.load(DATA / "s_agent.safetensors")
    np.testing.assert_allclose(s_agent.sample(3, seed=0), HALF_SAMPLES, atol=2e-6)
    assert s_agent.metadata == {"dataset": "two_moons"}


def test_an_earlier_s_agent_with_linear_maps_in_a_basis_gives_its_numbers():
    """Fresh ones have codebooks."""
    s_agent = SAgent.load(DATA / "basis.safetensors")
    assert s_agent.basis.size == s_agent.network.config.shape[0] - 1 == 4
    np.testing.assert_allclose(s_agent.sample(3, seed=0)[:, :, 2, 2], BASIS_SAMPLES, atol=2e-6)


def test_an_earlier_s_agent_with_linear_maps_in_a_basis_can_be_trained_further():
    images = np.random.default_rng(0).integers(0, 255, (30, 6, 5, 3)).astype(np.uint8)
    env_kwargs = {"dataset": images, "num_proposals": 5, "horizon": 4}
    model = GCGen(
        "GCPolicy", "GCGen-Images-v0", env_kwargs=env_kwargs, seed=0, batch_size=16, n_envs=16,
        s_agent=DATA / "basis.safetensors",
    )  # fmt: skip
    before = model.evaluate_nll(images[:8].transpose(0, 3, 1, 2) / 255).nll
    model.learn(40 * 16 * 4, log_interval=None)
    assert model.evaluate_nll(images[:8].transpose(0, 3, 1, 2) / 255).nll < before
