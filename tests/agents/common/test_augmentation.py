"""Random changes of training images."""

import numpy as np
import pytest

from agents import GCGen
from agents.common.augmentation import AUGMENTATIONS, augment

NUM = 400


def draw_images(num=NUM, channels=3, height=20, width=17):
    rng = np.random.default_rng(1)
    return rng.random((num, channels, height, width), dtype=np.float32)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_keeps_shape_type_and_bounds(kind, channels):
    images = draw_images(channels=channels)
    given = images.copy()
    changed = augment(images, [kind], np.random.default_rng(0))
    assert changed.shape == images.shape
    assert changed.dtype == np.float32
    assert changed.min() >= 0 and changed.max() <= 1
    np.testing.assert_array_equal(images, given)
    assert (changed != images).any()


def test_a_generator_repeats_the_draws():
    images = draw_images(30)
    one, again, other = (
        augment(images, tuple(AUGMENTATIONS), np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_order_of_names_does_not_matter():
    images = draw_images(30)
    one = augment(images, ["flip", "colour"], np.random.default_rng(0))
    np.testing.assert_array_equal(
        one, augment(images, ["colour", "flip"], np.random.default_rng(0))
    )


def test_no_kind_changes_and_draws_nothing():
    images, rng = draw_images(3), np.random.default_rng(0)
    assert augment(images, (), rng) is images
    assert rng.random() == np.random.default_rng(0).random()


def test_flip_mirrors_half_of_the_images():
    images = draw_images()
    changed = augment(images, ["flip"], np.random.default_rng(0))
    kept = (changed == images).all((1, 2, 3))
    mirrored = (changed == images[..., ::-1]).all((1, 2, 3))
    assert (kept | mirrored).all()
    assert 0.4 < mirrored.mean() < 0.6


def test_shift_moves_by_one_pixel_and_repeats_the_edge():
    images = np.zeros((NUM, 1, 20, 17), np.float32)
    images[:, :, 10, 8] = 1.0
    images[:, :, :, 0] = 0.5
    changed = augment(images, ["shift"], np.random.default_rng(0))
    row, column = np.nonzero(changed == 1.0)[2:]
    assert len(row) == NUM  # no image lost its pixel
    assert set(zip(row.tolist(), column.tolist(), strict=True)) == {
        (10 + i, 8 + j) for i in (-1, 0, 1) for j in (-1, 0, 1)
    }
    right = column == 9  # moved to the right: the edge is there twice
    assert (changed[right][..., :2] == 0.5).all()


def test_colour_moves_grey_by_at_most_a_tenth_and_each_channel():
    images = np.full((NUM, 3, 2, 2), 0.5, np.float32)
    changed = augment(images, ["colour"], np.random.default_rng(0))
    assert np.abs(changed - 0.5).max() <= 0.1 + 0.6 * 0.1 + 1e-6
    assert (changed.std((2, 3)) < 1e-6).all()
    assert (np.ptp(changed.mean((2, 3)), axis=1) > 0).all()  # the channels differ
    grey = augment(images[:, :1], ["colour"], np.random.default_rng(0))
    assert np.abs(grey - 0.5).max() <= 0.1 + 1e-6


class TestGCGen:
    def make_model(self, env="GCGen-Digits-v0", **kwargs):
        return GCGen("GCPolicy", env, seed=0, batch_size=8, n_envs=8, **kwargs)

    def test_learns_from_changed_images_and_goes_on_exactly(self, tmp_path):
        model, plain = self.make_model(augment=["flip", "shift"]), self.make_model()
        model.learn(2 * 8 * 8, log_interval=None)
        plain.learn(2 * 8 * 8, log_interval=None)
        weight = model.s_agent.network.head.weight
        assert (weight != plain.s_agent.network.head.weight).any()
        model.save(tmp_path / "model.gcgen")
        loaded = GCGen.load(tmp_path / "model.gcgen", env="GCGen-Digits-v0")
        assert loaded.config.augment == ("flip", "shift")
        for each in (model, loaded):
            each.learn(2 * 8 * 8, log_interval=None, reset_num_timesteps=False)
        assert (weight == loaded.s_agent.network.head.weight).all()

    def test_unknown_names_are_refused(self):
        with pytest.raises(
            ValueError, match="augment must be one of flip, shift, colour; got 'rot'"
        ):
            self.make_model(augment=["rot"])
        for wrong in ("flip", None, [["flip"]]):
            with pytest.raises(ValueError, match="augment must be a list of names, got "):
                self.make_model(augment=wrong)

    def test_points_are_refused(self):
        with pytest.raises(ValueError, match="changes images, and the data are points"):
            self.make_model("GCGen-Toy2D-v0", augment=["flip"])
