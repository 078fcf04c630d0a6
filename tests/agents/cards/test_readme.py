import dataclasses
import re

import numpy as np
import pytest

from agents import SAgent
from agents.cards import ModelCard, make_readme, measure_figures
from agents.cards.header import make_header, to_yaml
from gcgen_env.datasets import load_dataset
from gcgen_env.model.s_agent import FILE_NAME


@pytest.fixture(scope="module")
def card(model):
    images = load_dataset("digits", "test").take(range(40))
    figures = measure_figures(model, images, seed=1)
    return ModelCard("my model", model.s_agent, "digits", ("samples.png",), figures, 1257)


def test_the_figures_are_those_of_the_model(card, model):
    images = load_dataset("digits", "test").take(range(40))
    assert card.figures.bound.nll == model.evaluate_nll(images, seed=1).nll
    error = np.square(model.reconstruct(images) - images).mean()
    assert card.figures.squared_error == pytest.approx(error, rel=1e-5)
    assert card.figures.psnr == pytest.approx(-10 * np.log10(error), rel=1e-4)
    text, bound = make_readme(card), card.figures.bound
    assert f"| -ELBO | {bound.nll:.2f} ± {bound.standard_error:.2f} nats |" in text
    assert f"| bits per dimension | {bound.bits_per_dim:.3f} |" in text
    assert f"| PSNR | {card.figures.psnr:.2f} dB |" in text
    assert "Measured on all 40 of its items with seed 1" in text


def test_what_was_not_measured_is_marked(card):
    text = make_readme(dataclasses.replace(card, figures=None, num_train=None))
    for name in ("-ELBO", "bits per dimension", "PSNR", "squared error"):
        assert f"| {name} | not evaluated |" in text
    assert "The test split was not at hand" in text
    assert "model-index" not in text and "metrics" not in text


def test_the_code_block_runs(card, tmp_path, monkeypatch):
    (tmp_path / "my model").mkdir()
    card.s_agent.save(tmp_path / "my model" / FILE_NAME)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", make_readme(card), re.DOTALL)
    names = {}
    exec(code, names)
    assert isinstance(names["s_agent"], SAgent)
    assert names["samples"].shape == (16, 1, 8, 8)
    assert "(16, 1, 8, 8), in [0, 1]" in code


def test_only_pictures_that_are_there_are_shown(card):
    assert re.findall(r"!\[.*?\]\((.*?)\)", make_readme(card)) == ["samples.png"]


def test_the_settings_are_a_table(card):
    settings = {"env": "a|b", "augment": [], "rate": [0.5, 1.0], "learned": True, "basis": None}
    text = make_readme(dataclasses.replace(card, settings=settings))
    for row in ("`env` | a\\|b", "`augment` | none", "`rate` | 0.5 1.0", "`learned` | yes"):
        assert f"| {row} |\n" in text
    assert "| `basis` | not set |\n" in text


def test_yaml_of_lists_and_dicts():
    value = {"a": 1, "b": ["x", "é: #"], "c": [{"d": [{"e": 2.5, "f": "g"}], "h": True}]}
    assert to_yaml(value) == [
        "a: 1",
        "b:",
        '  - "x"',
        '  - "é: #"',
        "c:",
        "  - d:",
        "      - e: 2.5",
        '        f: "g"',
        "    h: true",
    ]


def test_the_header_names_the_data_set_of_the_hub(card):
    header = make_header(dataclasses.replace(card, data="mnist", license="cc-by-4.0"))
    assert header.startswith('---\nlicense: "cc-by-4.0"\nlibrary_name: "gcgen"\n')
    assert 'datasets:\n  - "ylecun/mnist"\n' in header
    assert "datasets:" not in make_header(card)


@pytest.mark.extra
def test_a_model_hub_reads_the_header(card, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    (tmp_path / "README.md").write_text(make_readme(card), encoding="utf-8")
    read = hub.ModelCard.load(tmp_path / "README.md").data
    assert (read.license, read.library_name, read.model_name) == ("mit", "gcgen", "my model")
    assert read.pipeline_tag == "unconditional-image-generation"
    assert "goal-conditioned" in read.tags
    found = {result.metric_type: result.metric_value for result in read.eval_results}
    assert found["negative-elbo"] == pytest.approx(card.figures.bound.nll, abs=1e-5)
    assert set(found) == {"negative-elbo", "bits-per-dimension", "psnr", "mse"}
    assert {result.dataset_name for result in read.eval_results} == {"digits"}
