"""Diffusion and flow matching: exact sampling for one image, squares of pixels, learning."""

import numpy as np
import pytest
import torch

from gcgen_env import EnvConfig

pytestmark = pytest.mark.extra
pytest.importorskip("diffusers")  # the file is read even if its tests are deselected

from benchmarks.compare.denoiser import LEVELS, DenoiserSizes  # noqa: E402
from benchmarks.compare.diffusion import Diffusion  # noqa: E402
from benchmarks.compare.flow_matching import FlowMatching  # noqa: E402
from benchmarks.compare.u_net import Patches  # noqa: E402

SIZES = DenoiserSizes(channels=(8, 16), patch=2, learning_rate=4e-3, batch_size=16)
KINDS = pytest.mark.parametrize("kind", [Diffusion, FlowMatching])


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def config(tmp_path):
    """100 images, 10x6: bright on the left or on the right."""
    images = np.zeros((100, 10, 6), np.float32)
    images[::2, :, :3] = images[1::2, :, 3:] = 1
    np.save(tmp_path / "halves.npy", images)
    return EnvConfig(dataset=str(tmp_path / "halves.npy"))


def stop_after(model, updates):
    """Train for a number of updates, so that the result does not depend on the machine."""
    seconds = iter([0, *np.linspace(0, 60, updates + 1)])
    model.now = lambda: next(seconds)
    model.learn(1.0, lambda: None)
    assert model.updates == updates


@KINDS
def test_noise_leads_to_the_image_if_the_answers_are_right(config, kind):
    """With one image x_0, the noise in x_t is known, and so is the right answer."""
    model = kind(config, SIZES, seed=0)
    image = torch.rand(1, 1, 10, 6) * 2 - 1

    def answer(noisy, timestep):
        if kind is FlowMatching:
            return (noisy - image) / (timestep[:, None, None, None] / LEVELS)
        share = model.scheduler.alphas_cumprod[timestep][:, None, None, None]
        noise = (noisy - share.sqrt() * image) / (1 - share).sqrt()
        return share.sqrt() * noise - (1 - share).sqrt() * image

    model.answer = answer
    expected = ((image + 1) / 2).expand(3, -1, -1, -1)
    np.testing.assert_allclose(model.sample(3, seed=0), expected, atol=1e-3)


@KINDS
def test_the_target_is_what_the_noise_was_made_of(config, kind):
    model = kind(config, SIZES, seed=0)
    images = model.draw_images()
    assert images.shape == (16, 1, 10, 6) and set(images.unique().tolist()) == {-1, 1}
    noisy, timestep, target = model.corrupt(images)
    assert timestep.shape == (16,) and 0 <= timestep.min() <= timestep.max() <= LEVELS
    if kind is FlowMatching:
        rebuilt = noisy - timestep[:, None, None, None] / LEVELS * target
    else:
        share = model.scheduler.alphas_cumprod[timestep][:, None, None, None]
        rebuilt = share.sqrt() * noisy - (1 - share).sqrt() * target
    np.testing.assert_allclose(rebuilt, images, atol=1e-4)


@KINDS
def test_denoisers_learn_and_samples_depend_on_the_seed_alone(config, kind):
    fresh, model, again = (kind(config, SIZES, seed=0) for _ in range(3))
    stop_after(model, 50)
    stop_after(again, 50)
    assert measure_loss(model) < 0.7 * measure_loss(fresh)
    samples = model.sample(5, seed=0)
    np.testing.assert_array_equal(samples, again.sample(5, seed=0))
    assert not np.array_equal(samples, model.sample(5, seed=1))
    assert samples.shape == (5, 1, 10, 6) and samples.dtype == np.float32
    assert 0 <= samples.min() <= samples.max() <= 1
    left, right = samples[..., :3].mean((1, 2, 3)), samples[..., 3:].mean((1, 2, 3))
    assert abs(left - right).mean() > 0.3  # one side is bright
    assert model.images_seen == 50 * 16


@torch.no_grad()
def measure_loss(model):
    return np.mean([float(model.loss(model.draw_images())) for _ in range(8)])


@pytest.mark.parametrize(("side", "resolutions"), [(1, 1), (2, 2), (4, 3)])
def test_squares_can_be_joined_again(side, resolutions):
    patches = Patches.make((3, 10, 7), side, resolutions)
    images = torch.rand(2, 3, 10, 7)
    squares = patches.cut(images)
    assert squares.shape[1:] == patches.shape
    assert all(each % 2 ** (resolutions - 1) == 0 for each in patches.shape[1:])
    assert torch.equal(patches.join(squares), images)
