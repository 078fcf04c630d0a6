"""What models and reports show of themselves in notebooks, and as one line."""

import numpy as np
import pytest

from agents import GCGen
from agents.codec import compress, decompress
from agents.codec.container import CodeFile
from agents.evaluation import Evaluation
from agents.evaluation.distances import KernelDistance
from agents.evaluation.judge import Scores
from agents.evaluation.prdc import PRDC
from agents.guidance.guided_sample import GuidedSample
from agents.inspection import grow_atlas, measure_steps
from gcgen_env.datasets import load_dataset
from gcgen_env.model.pretrained import pretrained_path
from gcgen_env.model.s_agent import SAgent
from tests.gcgen_env.viewer.test_card import read_picture


@pytest.fixture(scope="module")
def model():
    return GCGen("GCPolicy", "GCGen-Digits-v0", n_envs=8, seed=0)


def test_a_model_names_its_sizes(model):
    shown = repr(model)
    assert shown.startswith("GCGen(GCPolicy, timesteps=0, s_agent=SAgent(")
    assert "num_proposals=16" in shown and "horizon=8" in shown
    html = model._repr_html_()
    assert "H = 8, each one of A = 16" in html and "32 bits for an image" in html
    assert read_picture(html).shape == (2 * 84 + 4, 8 * 84 + 4, 3)


def test_showing_a_model_changes_no_later_draw(model):
    before = model.sample(4, seed=1)
    model._repr_html_()
    np.testing.assert_array_equal(model.sample(4, seed=1), before)


@pytest.mark.parametrize("name", ["mnist", "two_moons"])
def test_a_shipped_s_agent_names_its_data_and_its_bound(name):
    s_agent = SAgent.load(pretrained_path(name))
    html = s_agent._repr_html_()
    assert "-ELBO" in html and read_picture(html).ndim == 3
    assert f">{s_agent.metadata['dataset']}<" in html


def test_a_bound_is_shown_in_its_parts(model):
    report = model.evaluate_nll(load_dataset("digits", "test").take(range(8)))
    html = report._repr_html_()
    assert f"{report.nll:.2f} ± {report.standard_error:.2f}" in html
    assert ", ".join(f"{step:.2f}" for step in report.divergence) in html


def test_guided_images_are_shown_with_their_scores():
    images = np.zeros((3, 1, 8, 8), np.float32)
    codes = np.zeros((3, 8), np.int64)
    html = GuidedSample(images, codes, np.array([1.5, 2.0, 3.0]), 99, "f")._repr_html_()
    assert "1.5, 2, 3" in html and read_picture(html).shape == (88, 3 * 84 + 4, 3)


def test_an_evaluation_shows_its_sets_side_by_side():
    scores = Scores("samples", 20, 9.4, KernelDistance(0.0, 0.0), PRDC(1, 1, 1, 0.942), 1, 2, None)
    pictures = {"real images": np.ones((20, 1, 8, 8)), "samples": np.zeros((20, 1, 8, 8))}
    nothing = (np.zeros((0, 1, 8, 8)), np.zeros((0, 1, 8, 8)), np.zeros(0))
    found = Evaluation([scores], "pixels", 20, pictures, nothing)
    assert "FID 9.40, coverage 0.942" in repr(found)
    assert "FID 9.40, coverage 0.942" in found._repr_html_()
    assert read_picture(found._repr_html_()).shape[0] == 2 * 88


def test_steps_atlas_and_codes_are_short_and_show_images(model):
    digits = load_dataset("digits", "test").take(range(4))
    file = CodeFile.unpack(compress(model, digits))
    shown = [measure_steps(model, digits), grow_atlas(model, (2,)), decompress(model, file.pack())]
    for each in shown:
        assert len(repr(each)) < 200
        assert read_picture(each._repr_html_()).ndim == 3
    assert "gain" in repr(shown[0]) and "step 7" in shown[0]._repr_html_()
    assert "'probability': '1.000'" in repr(shown[1])
    assert f"{len(file.choices):,} bytes" in file._repr_html_()
