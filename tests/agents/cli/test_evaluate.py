import hashlib
import json

import pytest

from agents import GCGen
from agents.cli.main import main
from gcgen_env.datasets import load_dataset


@pytest.fixture
def evaluate(finished, tmp_path, capsys):
    """A function that runs the command, and returns the JSON and the table."""

    def run(*options: str) -> tuple[dict, str]:
        path = tmp_path / "figures.json"
        words = ["evaluate", "--model", str(finished.folder.model), "--json", str(path)]
        assert main([*words, "--overwrite", *options]) == 0
        return json.loads(path.read_text()), capsys.readouterr().out

    return run


def test_the_figures_are_those_of_the_model(evaluate, finished):
    figures, table = evaluate("--num-images", "40", "--iw-images", "10", "--paths", "8")
    images = load_dataset("digits", "test").take(range(40))
    report = GCGen.load(finished.folder.model).evaluate_nll(images, seed=0)
    one, many = figures["bounds"]["-ELBO"], figures["bounds"]["IW-8"]
    assert one["nll"] == report.nll
    assert one["standard_error"] == report.standard_error
    assert one["divergence"] == list(report.divergence)
    assert one["nll"] == pytest.approx(one["reconstruction"] + sum(one["divergence"]))
    assert (one["num_images"], many["num_images"], many["num_paths"]) == (40, 10, 8)
    assert many["nll"] <= many["negative_elbo"]
    for words in ("-ELBO", "IW-8", f"{report.nll:.2f} ± {report.standard_error:.2f}", "step 7"):
        assert words in table


def test_the_file_says_how_the_figures_were_made(evaluate, finished):
    figures, _ = evaluate("--num-images", "5", "--paths", "1", "--split", "validation")
    digest = hashlib.sha256(finished.folder.model.read_bytes()).hexdigest()
    assert figures["sha256"] == digest
    assert (figures["split"], figures["seed"], figures["dataset"]) == ("validation", 0, "digits")
    assert figures["look_ahead"] == [0.8, 1.0]
    assert figures["timesteps"] == 2048
    assert {"gcgen", "torch"} <= set(figures["versions"])
    assert {"processor", "cores"} <= set(figures["machine"])
    assert figures["bounds"]["-ELBO"]["seconds"] > 0
    assert list(figures["bounds"]) == ["-ELBO"]
    assert "per_image" not in figures["bounds"]["-ELBO"]


def test_the_seed_fixes_the_binarisation(evaluate):
    options = ("--num-images", "20", "--paths", "1")
    first, second = (evaluate(*options)[0]["bounds"]["-ELBO"]["nll"] for _ in range(2))
    other = evaluate(*options, "--seed", "1")[0]["bounds"]["-ELBO"]["nll"]
    assert first == second != other


def test_another_look_ahead(evaluate):
    options = ("--num-images", "40", "--paths", "1")
    own, none = evaluate(*options)[0], evaluate(*options, "--look-ahead", "none")[0]
    steep = evaluate(*options, "--look-ahead", "1", "1.5")[0]
    assert (none["look_ahead"], steep["look_ahead"]) == (None, [1.0, 1.5])
    bounds = [figures["bounds"]["-ELBO"] for figures in (own, none, steep)]
    assert len({bound["nll"] for bound in bounds}) == 3
    assert bounds[1]["reconstruction"] > bounds[2]["reconstruction"]


def test_searching(evaluate):
    options = ("--num-images", "40", "--iw-images", "10", "--paths", "4")
    plain = evaluate(*options)[0]["bounds"]["-ELBO"]["nll"]
    for search, names in (("two_step", ["-ELBO", "IW-4"]), ("beam", ["-ELBO"])):
        figures, _ = evaluate(*options, "--search", search, "--width", "16")
        assert (figures["search"], figures["width"]) == (search, 16)
        assert list(figures["bounds"]) == names
        assert figures["bounds"]["-ELBO"]["nll"] != plain


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--paths", "0"], "--paths must be at least 1, got 0"),
        (["--num-images", "0"], "--num-images must be at least 1"),
        (["--iw-images", "0"], "--iw-images must be at least 1"),
        (["--search", "beam", "--width", "0"], "--width must be at least 1"),
        (["--look-ahead", "-1", "1"], "look_ahead must be two temperatures"),
    ],
)
def test_a_bad_value_is_one_sentence(options, words, fails, finished):
    assert words in fails("evaluate", "--model", finished.folder.model, *options)


def test_an_s_agent_alone_is_refused(fails, finished):
    assert "needs the GC-agent too" in fails("evaluate", "--model", finished.folder.s_agent)
