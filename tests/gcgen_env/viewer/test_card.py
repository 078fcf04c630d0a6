"""Cards of objects in notebooks."""

import base64
import re
from io import BytesIO

import numpy as np
from PIL import Image

from gcgen_env.datasets import load_dataset
from gcgen_env.viewer.card import draw_card


def read_picture(html):
    content = re.search(r"src='data:image/png;base64,([^']+)'", html)[1]
    return np.asarray(Image.open(BytesIO(base64.b64decode(content))))


def test_a_card_holds_its_picture_and_its_facts():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    html = draw_card("A model", {"A": 16, "name": "<b>"}, picture)
    np.testing.assert_array_equal(read_picture(html), picture)
    assert "<strong>A model</strong>" in html and "16</td>" in html
    assert "&lt;b&gt;" in html and "<b>" not in html  # nothing from a file becomes markup
    assert "http" not in html


def test_a_card_may_have_no_picture():
    assert "<img" not in draw_card("A report", {"nll": 91.1})


def test_a_data_set_shows_its_first_items():
    digits = load_dataset("digits", "test")
    html = digits._repr_html_()
    assert read_picture(html).shape == (2 * 84 + 4, 8 * 84 + 4, 3)
    assert "Dataset digits" in html and ">(1, 8, 8)<" in html and ">10<" in html
    assert repr(digits) == (
        "Dataset('digits', items=360, shape=(1, 8, 8), values=[0, 1], stored=uint8, classes=10)"
    )


def test_points_and_sets_without_classes_are_shown():
    points = load_dataset("two_moons").select(slice(0, 3))
    assert "classes=none" in repr(points)
    assert read_picture(points._repr_html_()).shape == (480, 480, 3)
