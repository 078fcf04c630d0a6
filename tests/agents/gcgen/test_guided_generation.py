"""`GCGen.sample` with a guidance."""

import numpy as np
import pytest
import torch

from agents import GCGen
from agents.guidance import GuidanceError, sample_guided


@pytest.fixture(scope="module")
def model():
    env_kwargs = {"nucleus": 0.5}
    return GCGen("GCPolicy", "GCGen-Digits-v0", env_kwargs=env_kwargs, s_agent="pretrained", seed=0)


def brightness(images):
    return 200 * images.mean((1, 2, 3))


def test_a_model_samples_with_guidance(model):
    sample = model.sample(6, seed=0, guidance=brightness, scale=2.0, num_particles=2)
    assert sample.images.mean() > model.sample(6, seed=0).mean() + 0.02
    np.testing.assert_allclose(model.decode(sample.codes), sample.images, atol=1e-6)
    again = sample_guided(model.chain, 6, brightness, 2.0, 2, seed=0)
    np.testing.assert_array_equal(sample.codes, again.codes)
    assert sample.calls == again.calls


def test_the_nucleus_is_kept(model):
    codes = model.sample(6, seed=0, guidance=brightness, scale=5.0).codes
    first = model.chain.propose(model.chain.dynamics.start(1), torch.zeros(1).long()).log_prior[0]
    assert first[codes[:, 0]].isfinite().all()
    assert first.isinf().any()


def test_errors_are_those_of_guided_generation(model):
    with pytest.raises(GuidanceError, match="must return finite scores"):
        model.sample(2, guidance=lambda images: np.full(len(images), np.nan))
    with pytest.raises(ValueError, match="decode the codes for the trajectories"):
        model.sample(2, return_trajectory=True, guidance=brightness)
    with pytest.raises(ValueError, match="scale, num_particles and batch_size need guidance="):
        model.sample(2, scale=2.0)
