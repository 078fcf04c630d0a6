"""The figures of sets of MNIST digits that are bad in known ways: what catches what."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from agents.evaluation import Judge, choose_sets, find_embedding
from agents.evaluation.judge import take_all
from gcgen_env.datasets import load_dataset

pytestmark = pytest.mark.extra

NUM = 2000
"""Images of each set; 10,000 for figures that are quoted."""


def make_sets(sets, rng):
    """Sets of images by what is wrong with them."""
    real, training = take_all(sets.real), take_all(sets.training)
    ones = sets.real.labels == 1
    noise = rng.normal(0, 0.2, real.shape)
    return {
        "real": real,
        "memorised": training,
        "duplicated": np.repeat(real[: NUM // 10], 10, axis=0),
        "class 1 missing": real[~ones],
        "blurred": uniform_filter(real, (1, 1, 3, 3)),
        "noisy": (real + noise).clip(0, 1).astype(np.float32),
    }


@pytest.fixture(scope="module")
def scores():
    sets = choose_sets(load_dataset("mnist", "train"), load_dataset("mnist", "test"), NUM)
    chosen = np.random.default_rng(1).permutation(len(sets.reference))[:NUM]  # neither tidy part
    sets = replace(sets, reference=sets.reference.select(chosen))
    judge = Judge(sets, find_embedding("mnist", take_all(sets.reference)))
    made = make_sets(sets, np.random.default_rng(0))
    watched = ("real", "memorised")
    return {name: judge.judge(name, x, memorisation=name in watched) for name, x in made.items()}


def test_fid_falls_with_every_fault(scores):
    fid = {name: each.fid for name, each in scores.items()}
    assert max(fid["real"], fid["memorised"]) < min(fid["duplicated"], fid["class 1 missing"]) / 2
    assert max(fid["duplicated"], fid["class 1 missing"]) < fid["blurred"] < fid["noisy"]


def test_kid_agrees_with_fid(scores):
    kid = {name: each.kid.mean for name, each in scores.items()}
    assert abs(kid["real"]) < 3 * scores["real"].kid.deviation
    assert kid["real"] < kid["class 1 missing"] < kid["blurred"] < kid["noisy"]


def test_precision_and_density_overlook_blur_and_noise(scores):
    real = scores["real"].prdc
    for name in ("blurred", "noisy", "class 1 missing", "duplicated"):
        assert scores[name].prdc.precision > 0.9 * real.precision
        assert scores[name].prdc.density > 0.7 * real.density


def test_recall_and_coverage_see_lost_variety(scores):
    recall = {name: each.prdc.recall for name, each in scores.items()}
    coverage = {name: each.prdc.coverage for name, each in scores.items()}
    assert recall["duplicated"] < 0.05 < recall["blurred"] < 0.9 * recall["real"]
    assert coverage["duplicated"] < coverage["noisy"] < coverage["blurred"] < coverage["real"]


def test_ndb_and_the_classes_see_a_missing_class(scores):
    bins = {name: each.different_bins for name, each in scores.items()}
    assert bins["duplicated"] > bins["class 1 missing"] > bins["real"] + 5
    classes = {name: each.class_divergence for name, each in scores.items()}
    assert classes["class 1 missing"] > 0.08 > 4 * max(classes["real"], classes["blurred"])


def test_only_the_nearest_neighbours_see_copies(scores):
    real, copies = scores["real"], scores["memorised"]
    assert copies.memorisation.share == 1.0
    assert real.memorisation.low - 0.02 < 0.5 < real.memorisation.high + 0.02
    assert copies.prdc.coverage == pytest.approx(real.prdc.coverage, abs=0.05)
    assert copies.fid < 2 * real.fid
