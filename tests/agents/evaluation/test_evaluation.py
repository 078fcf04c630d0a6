"""A whole evaluation: its sets, its figures as JSON values, and its page."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation import (
    Evaluation,
    Scores,
    choose_sets,
    describe_evaluation,
    list_lines,
    make_page,
)
from agents.evaluation.distances import KernelDistance
from agents.evaluation.memorisation import Memorisation
from agents.evaluation.prdc import PRDC
from gcgen_env.datasets import load_dataset


@pytest.fixture(scope="module")
def splits():
    return load_dataset("digits", "train"), load_dataset("digits", "test")


@pytest.fixture(scope="module")
def evaluation(splits):
    images = splits[1].take(range(8))
    memorisation, kid = Memorisation(0.5, 0.4, 0.6), KernelDistance(1.0, 0.2)
    real = Scores("real images", 8, 2.0, kid, PRDC(0.9, 0.8, 1.0, 0.7), 3, 50, None, memorisation)
    drawn = replace(real, name="samples", fid=4.0, hit_rate=0.75, memorisation=None)
    pictures = {"real images": images, "samples": images}
    nearest = (images, images, np.zeros(8))
    return Evaluation([real, drawn], "features <of mine>", 20, pictures, nearest)


def rows(data):
    return {image.tobytes() for image in data.array}


def test_the_sets_share_no_image(splits):
    sets = choose_sets(*splits, num=300)
    assert (len(sets.real), len(sets.training), len(sets.held_out)) == (300, 300, 300)
    assert not rows(sets.real) & rows(sets.training)
    assert rows(sets.held_out) <= rows(sets.reference)
    assert len(choose_sets(*splits, num=10**6).real) == len(splits[0]) // 2


@pytest.mark.parametrize("count", [4, 15])
def test_too_few_images(splits, count):
    train, test = splits
    with pytest.raises(ValueError, match=f"20 training images .* got 10000, {count} and"):
        choose_sets(train.select(slice(count)), test)


def test_a_split_that_is_the_training_set(splits):
    with pytest.raises(ValueError, match="no images of its own for the comparison"):
        choose_sets(splits[0], splits[0])


def test_lines_without_any_value_are_left_out(evaluation):
    lines = {line.name: line.values for line in list_lines(evaluation.scores)}
    assert "KL of classes" not in lines
    assert lines["FID"] == ["2.00", "4.00"]
    assert lines["NDB"] == ["3 of 50", "3 of 50"]
    assert lines["KID"] == ["1.00 ± 0.200"] * 2
    assert lines["nearer to training images"] == ["0.500 (0.400 to 0.600)", ""]
    assert lines["of the class asked for"] == ["", "0.7500"]


def test_the_figures_are_json_values(evaluation):
    document = json.loads(json.dumps(describe_evaluation(evaluation)))
    assert list(document["sets"]) == ["real images", "samples"]
    real, samples = document["sets"].values()
    assert (real["fid"], samples["coverage"], samples["hit_rate"]) == (2.0, 0.7, 0.75)
    assert real["memorisation"] == {"share": 0.5, "low": 0.4, "high": 0.6}
    assert (samples["memorisation"], document["num_reference"]) == (None, 20)


def test_the_page_opens_offline_and_escapes_names(evaluation):
    page = make_page("<runs & co>", evaluation, ["-ELBO 3"], "made by me")
    assert "<h1>&lt;runs &amp; co&gt;</h1>" in page
    sources = re.findall(r'src="([^"]{30})', page)
    assert len(sources) == 3 and all(s.startswith("data:image/png;base64,") for s in sources)
    assert not re.search(r"https?://|<script|@import", page)
    for words in ("-ELBO 3", "made by me", "Samples.", "coverage", "&lt;of mine&gt;"):
        assert words in page
