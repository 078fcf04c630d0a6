"""Images of an update: which are shifted, by how much, and when."""

import numpy as np
import pytest

from agents import GCGen
from agents.gcgen.config import GCGenConfig
from agents.gcgen.training_images import draw_images, find_share, shift_some


def make_rng():
    return np.random.default_rng(0)


def draw(num=400, channels=3):
    return make_rng().random((num, channels, 5, 4), dtype=np.float32)


def test_the_share_grows_with_the_number_of_times_that_all_images_were_seen():
    assert find_share(0) == 0
    assert find_share(6) == 0.25
    assert find_share(12) == find_share(100) == 0.5


def test_without_a_share_images_stay():
    images = draw()
    assert np.array_equal(shift_some(images, 0.0, make_rng()), images)


def test_a_shift_moves_all_channels_by_at_most_a_pixel_and_repeats_the_border():
    images = draw()
    shifted = shift_some(images, 1.0, make_rng())
    assert shifted.dtype == np.float32 and shifted.shape == images.shape
    found = set()
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    for before, after in zip(padded, shifted, strict=True):
        offsets = {(r, c) for r in range(3) for c in range(3)
                   if np.array_equal(before[:, r : r + 5, c : c + 4], after)}  # fmt: skip
        assert len(offsets) == 1
        found |= offsets
    assert len(found) == 9


def test_the_share_is_a_probability():
    images = draw(2000, 1)
    changed = (shift_some(images, 0.5, make_rng()) != images).any((1, 2, 3)).mean()
    assert changed == pytest.approx(0.5 * 8 / 9, abs=0.03)  # one of nine shifts is none


@pytest.mark.parametrize(
    ("shifts", "shape", "expected"),
    [
        ("auto", (1, 28, 28), True), ("auto", (1, 8, 8), False), ("auto", (2,), False),
        ("on", (1, 8, 8), True), ("on", (2,), False), ("off", (1, 28, 28), False),
    ],
)  # fmt: skip
def test_what_is_shifted(shifts, shape, expected):
    assert GCGenConfig(shifts=shifts).shifts_images(shape) is expected
    assert not GCGenConfig(shifts=shifts, train_s_agent=False).shifts_images(shape)


def test_new_images_are_those_of_the_data():
    model = GCGen("GCPolicy", "GCGen-Digits-v0", shifts="on", seed=0, device="cpu")
    data = {image.tobytes() for image in model.env.goals.dataset.take(range(1257))}
    new = draw_images(model.env, model.config, seen=0)
    old = draw_images(model.env, model.config, seen=12 * 1257)
    assert all(image.tobytes() in data for image in new)
    known = np.mean([image.tobytes() in data for image in old])
    assert 0.3 < known < 0.8
