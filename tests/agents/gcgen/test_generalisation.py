import json
from dataclasses import asdict

import numpy as np
import pytest

from agents.gcgen.generalisation import Change, Evaluation, check_images, describe_parting
from gcgen_env.datasets import load_dataset

BEST = Evaluation(480, (300.0, 310.0, 320.0, 330.0), (250.0, 251.0, 252.0, 253.0))


def move(evaluation, rise, fall, noise=0.1, update=960):
    """Return a later evaluation: each image's bound changes by a mean and some noise."""
    shifts = noise * np.array([-1.5, -0.5, 0.5, 1.5])
    return Evaluation(
        update,
        tuple((np.array(evaluation.validation) + rise + shifts).tolist()),
        tuple((np.array(evaluation.training) - fall + shifts).tolist()),
    )


def test_a_change_is_measured_image_by_image():
    """The images differ by up to 30 nats, and each of them changes by 1."""
    change = Change.of(BEST.validation, move(BEST, 1.0, 0.0).validation)
    assert change.mean == pytest.approx(1.0)
    assert change.standard_error == pytest.approx(0.1 * np.std([-1.5, -0.5, 0.5, 1.5], ddof=1) / 2)


@pytest.mark.parametrize(("num", "needed"), [(2, 10.5), (3, 6.75), (6, 4.5), (256, 3 + 7.5 / 255)])
def test_few_images_need_a_larger_change(num, needed):
    assert not Change(0.999 * needed, 1.0, num).is_clear
    assert Change(1.001 * needed, 1.0, num).is_clear
    assert Change(-1.001 * needed, 1.0, num).is_clear


def test_the_sentence_has_figures_and_remedies():
    sentence = describe_parting(BEST, move(BEST, 5.0, 4.0))
    assert "risen since update 480 by 5.00 ± 0.06 nats to 320.00" in sentence
    assert "training bound has fallen by 4.00 to 247.50" in sentence
    for remedy in ("more images", "--augment", "--weight-decay", "an earlier end"):
        assert remedy in sentence
    assert sentence.count(". ") == 0


@pytest.mark.parametrize(
    ("rise", "fall", "noise"),
    [
        (-5.0, 4.0, 0.1),  # both fall
        (5.0, -4.0, 0.1),  # both rise: the training diverges
        (0.2, 4.0, 0.1),  # 3.1 standard errors of four images are not enough
        (5.0, 0.1, 0.1),  # the training bound has stopped falling
        (5.0, 4.0, 5.0),  # all is noise
    ],
)
def test_bounds_that_have_not_clearly_parted(rise, fall, noise):
    assert describe_parting(BEST, move(BEST, rise, fall, noise)) is None


def test_an_evaluation_in_words():
    assert str(BEST) == "315.00 ± 6.45 nats on 4 validation images"


def test_an_evaluation_survives_json():
    assert Evaluation.read(json.loads(json.dumps(asdict(BEST)))) == BEST


@pytest.mark.parametrize(
    "change",
    [
        {"update": -1},
        {"update": 1.5},
        {"update": True},
        {"validation": "many"},
        {"validation": [[1.0]]},
        {"validation": []},
        {"training": [1.0, float("nan")]},
        {"training": None},
        {"more": 1},
    ],
)
def test_a_damaged_evaluation(change):
    with pytest.raises(ValueError, match="no evaluation of a model"):
        Evaluation.read(asdict(BEST) | change)
    with pytest.raises(ValueError, match="no evaluation of a model"):
        Evaluation.read({"update": 3})


def make_splits(num):
    """Return training and validation images of an array of small images."""
    images = np.random.default_rng(0).integers(0, 256, (num, 4, 4), dtype=np.uint8)
    return load_dataset(images, "train"), load_dataset(images, "validation")


def test_validation_images_must_be_others_than_the_training_images():
    check_images(*make_splits(20))  # two for validation
    with pytest.raises(ValueError, match=r"are its training images; a set of fewer than 20 is not"):
        check_images(*make_splits(19))
    training, _ = make_splits(40)
    with pytest.raises(ValueError, match=r"are its training images$"):
        check_images(training, training)


def test_one_validation_image_is_too_few():
    training, validation = make_splits(20)
    with pytest.raises(ValueError, match="has one validation image, too few for a standard error"):
        check_images(training, validation.select(slice(0, 1)))
