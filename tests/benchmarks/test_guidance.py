"""The measurements of guided generation, with small numbers."""

import csv

import numpy as np
import pytest
import torch

from benchmarks.guidance import __main__ as program
from benchmarks.guidance import classes, classifiers, hidden
from benchmarks.guidance.rules import accept, pick_best, sample_top_two
from gcgen_env.datasets import find_dataset
from tests.agents.toys import H, make_chain


def needs_mnist():
    if find_dataset("mnist") is None:
        pytest.skip("MNIST's files are not here; name their folder in $GCGEN_DATA")


def test_the_best_of_each_group_is_picked():
    scores = np.array([1.0, 3.0, 2.0, 9.0, 7.0, 8.0, 5.0])
    assert pick_best(scores, 3).tolist() == [1, 3]
    found, calls = accept(scores, 5.0, 2)
    assert found.tolist() == [3, 4]
    assert calls == 2.5


def test_top_two_takes_one_of_the_two_best():
    def score(images):
        return images.reshape(len(images), -1).sum(1)

    chain = make_chain("handwritten")
    codes = sample_top_two(chain, 40, score, seed=0).codes
    canvas = chain.dynamics.start(40)
    for h in range(H):
        step = torch.full((40,), h)
        images = chain.next_images(chain.propose(canvas, step), step)[1]  # (B, A, P)
        worst = images.sum(-1).argmin(-1).numpy()
        assert (codes[:, h] != worst).all()  # A = 3
        canvas = chain.choose(canvas, step, torch.from_numpy(codes[:, h]))
    assert len(np.unique(codes, axis=0)) == 2**H


def test_coverage_counts_neighbourhoods_that_are_reached():
    real = np.arange(12.0)[:, None]
    assert classes.measure_coverage(real, real) == 1
    assert classes.measure_coverage(real, np.array([[100.0]])) == 0
    assert classes.measure_coverage(real, np.array([[0.0]])) == 4 / 12  # radii 5, 4, 3 and 3


def test_errors_of_answers():
    goal, mask = np.zeros((1, 2, 2)), np.array([[False, True], [False, False]])
    answers = np.zeros((2, 1, 2, 2))
    answers[:, 0, 0, 1] = 1.0, 3.0
    assert hidden.measure_error(answers, goal, mask) == (5.0, 4.0)
    assert hidden.measure_spread(answers, mask) == 4.0


@pytest.mark.parametrize(("percent", "mask"), hidden.make_masks().items())
def test_masks_hide_what_they_say(percent, mask):
    assert mask.mean() == percent / 100


@pytest.mark.slow
def test_the_table_of_hidden_pixels(tmp_path, monkeypatch):
    needs_mnist()
    monkeypatch.setattr(hidden, "PARTICLES", (1,))
    monkeypatch.setattr(hidden, "MOST_CALLS", 600)
    program.main(["--what", "hidden", "--num", "2", "--out", str(tmp_path / "table.csv")])
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 7
    guided = next(row for row in rows if row["rule"] == "guided")
    mean = next(row for row in rows if row["rule"] == "mean image")
    assert float(guided["error"]) < float(mean["error"])


@pytest.mark.slow
def test_guidance_by_a_class_keeps_variety(tmp_path, monkeypatch):
    needs_mnist()
    monkeypatch.setattr(classes, "SETTINGS", ((4.0, 1),))
    program.main(["--num", "8", "--out", str(tmp_path / "table.csv")])
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = {(row["rule"], row["calls"]): row for row in csv.DictReader(file)}
    guided = next(row for (rule, _), row in rows.items() if rule == "guided")
    two = next(row for (rule, _), row in rows.items() if rule == "top two")
    assert float(guided["hit_rate"]) >= 0.9
    assert float(guided["coverage"]) > float(two["coverage"])


def test_softened_images_stay_images():
    images = torch.rand(50, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    mean = images.mean(0)
    soft = classifiers.soften(images, mean, torch.Generator().manual_seed(0))
    assert soft.shape == images.shape
    assert 0 <= soft.min() and soft.max() <= 1
    assert (soft == images).flatten(1).all(1).sum() in range(5, 40)  # many are left as they are
