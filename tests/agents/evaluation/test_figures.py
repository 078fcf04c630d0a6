"""Each figure by itself, against a formula or an enumeration."""

import builtins

import numpy as np
import pytest
import torch

from agents.evaluation.distances import import_metrics
from agents.evaluation.embedding import find_embedding
from agents.evaluation.memorisation import measure_memorisation
from agents.evaluation.prdc import compute_prdc
from agents.evaluation.shares import Bins, class_divergence
from gcgen_env.datasets import Dataset, load_dataset


def draw(seed, num=80, size=6, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (num, size))


def wrap(array):
    return Dataset("some", np.asarray(array, np.float32), 1.0, 0.0, 1.0)


def test_a_missing_library_is_one_sentence(monkeypatch):
    real_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("torchmetrics"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"pip install 'gcgen\[evaluation\]'"):
        import_metrics()


def test_prdc_by_enumeration():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])
    drawn = np.array([[0.5], [0.6], [30.0]])
    found = compute_prdc(real, drawn, k=1)  # real radii 1, 1, 1, 8; drawn radii 0.1, 0.1, 29.4
    assert found.precision == pytest.approx(2 / 3)
    assert found.density == pytest.approx((2 + 2 + 0) / 3)  # both in the balls of 0 and 1
    assert found.coverage == pytest.approx(2 / 4)
    assert found.recall == pytest.approx(3 / 4)  # 0 is farther than 29.4 from 30


def test_prdc_needs_neighbours():
    with pytest.raises(ValueError, match=r"need more than 5 images of each kind, got 80, 5"):
        compute_prdc(draw(0), draw(1, 5))


def test_bins_see_shares_that_differ():
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 4, 400)
    images = np.eye(4, dtype=np.float32)[corner] + 0.01 * rng.random((400, 4), np.float32)
    bins = Bins.fit(images)
    assert len(bins.counts) == 40
    assert bins.count_different(images) == 0
    assert bins.count_different(images[corner != 2]) >= 5


def test_class_divergence():
    real, none_missing = np.arange(1000) % 2, np.arange(600) % 2
    assert class_divergence(none_missing, real) == pytest.approx(0, abs=1e-6)
    assert class_divergence(np.zeros(1000, int), real) == pytest.approx(np.log(2), abs=0.01)


def test_memorisation_counts_ties_half():
    rng = np.random.default_rng(0)
    training, held_out = (wrap(rng.random((50, 1, 2, 2))) for _ in range(2))
    copies = measure_memorisation(training.take(range(50)), training, held_out)
    assert (copies.share, copies.high) == (1.0, 1.0)
    assert 0.9 < copies.low < 1
    tied = measure_memorisation(training.take(range(50)), training, training)
    assert tied.share == 0.5
    assert tied.low < 0.5 < tied.high
    assert str(tied).startswith("0.500 (0.3")
    with pytest.raises(ValueError, match="as many training images as held-out ones, got 50 and 49"):
        measure_memorisation(training.take([0]), training, held_out.select(slice(49)))


def test_features_say_what_they_are():
    points = load_dataset("two_moons", "test").take(range(20))
    assert find_embedding("two_moons", points).name == "the values themselves"
    images = load_dataset("digits", "test").take(range(50))
    state = torch.get_rng_state()
    one, other = (find_embedding("digits", images) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert "random network (seed 0), not of a trained one" in one.name
    assert one.find_classes(images) is None
    features = one.embed(images)
    assert features.shape == (50, 64)
    assert (features == other.embed(images)).all()
    assert 0.99 < features.std(0).max() < 1.01
