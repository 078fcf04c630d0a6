"""The shipped classifiers and their file."""

import hashlib

import numpy as np
import pytest
import torch

from agents.guidance import Classifier, ClassScore
from agents.guidance.classifier import _WEIGHTS, ClassifierConfig, ConvNet, load_shipped
from gcgen_env.datasets import find_dataset, load_dataset
from gcgen_env.model.pretrained import pretrained_path

NAMES = ("mnist_guide", "mnist_judge")


@pytest.mark.parametrize("name", NAMES)
def test_shipped_classifiers_are_small_and_named_by_their_hash(name):
    path = _WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size < 100_000
    classifier = load_shipped(name)
    assert classifier.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert classifier.digest[:12] in repr(ClassScore(3, classifier))
    assert classifier.metadata["accuracy"] > 0.975


def test_guide_and_judge_have_learned_from_different_images():
    guide, judge = map(load_shipped, NAMES)
    assert guide.metadata["images"] != judge.metadata["images"]
    assert guide.config != judge.config


@pytest.mark.parametrize("name", NAMES)
def test_shipped_classifiers_recognise_digits(name):
    if find_dataset("mnist") is None:
        pytest.skip("MNIST's files are not here; name their folder in $GCGEN_DATA")
    test = load_dataset("mnist", "test")
    log_prob = load_shipped(name).log_prob(test.take(range(1000)))
    np.testing.assert_allclose(np.exp(log_prob).sum(1), 1, rtol=1e-5)
    assert (log_prob.argmax(1) == test.labels[:1000]).mean() > 0.96


def test_a_classifier_of_any_size_is_saved_and_loaded(tmp_path):
    config = ClassifierConfig((3, 9, 7), 4, (5,), 6)
    torch.manual_seed(0)
    classifier = Classifier(config, ConvNet(config))
    loaded = Classifier.load(classifier.save(tmp_path / "own", dataset="own"))
    images = np.random.default_rng(0).random((8, 3, 9, 7), dtype=np.float32)
    np.testing.assert_allclose(loaded.log_prob(images), classifier.log_prob(images), atol=1e-3)
    assert loaded.config == config
    assert loaded.metadata == {"dataset": "own"}
    assert loaded.embed(images).shape == (8, 6)
    assert len(loaded.digest) == 64


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds a 's-agent', expected a 'classifier'"):
        Classifier.load(pretrained_path("digits"))
    whole = (_WEIGHTS / "mnist_guide.safetensors").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-100])
    with pytest.raises(ValueError, match="damaged"):
        Classifier.load(tmp_path / "cut")
