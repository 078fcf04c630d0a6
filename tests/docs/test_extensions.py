"""What the site makes from the code: pages, docstrings, links."""

import os
import re
from pathlib import Path

import gymnasium as gym
import pytest

from agents.cli.commands import SUMMARIES
from docs.sphinx_extensions import api, check_links, command_line, environments
from docs.sphinx_extensions.docstrings import convert, escape
from gcgen_env import ENV_IDS, EnvConfig, default_kwargs
from tests.house import ROOT


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_every_environment_has_a_page_from_its_class(env_id, monkeypatch, tmp_path):
    monkeypatch.setattr(environments, "draw_episode", lambda env_id, path: False)
    page = environments.make_page(env_id, tmp_path)
    for section in ("Action Space", "Observation Space", "Rewards", "Episode End", "Arguments"):
        assert f"## {section}\n" in page
    for name, value in default_kwargs(env_id).items():
        assert f"| `{name}` | **`{value!r}`** |" in page or name == "rate"
    assert page.count("\n| `") >= len(vars(EnvConfig()))


def test_shapes_of_the_table_are_those_of_the_environments():
    for env_id in ("GCGen-Toy2D-v0", "GCGen-Digits-v0", "GCGen-Toggles-v0"):
        shape = gym.make(env_id).observation_space["observation"].shape
        assert environments.find_shape(env_id) == shape


def test_a_picture_shows_a_whole_episode(tmp_path):
    from PIL import Image

    path = tmp_path / "toy.gif"
    assert environments.draw_episode("GCGen-Toy2D-v0", path)
    with Image.open(path) as picture:
        assert picture.n_frames >= default_kwargs("GCGen-Toy2D-v0")["horizon"]


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_command_is_described(name):
    options = [flags for found in command_line.find_options(name).values() for flags, _ in found]
    assert options
    section = "\n".join(command_line.describe(name, SUMMARIES[name]))
    assert f"gcgen {name}\n-----" in section
    assert "%%" not in section


def test_every_public_name_is_in_the_reference():
    pages = api.make_pages()
    for package in api.PACKAGES:
        text = pages[f"api/{package}.rst"]
        for name in api.public_names(package):
            assert f":: {package}.{name}\n" in text or f"``{name}``: :doc:`" in text


def test_every_algorithm_page_has_the_sections_of_sb3():
    for path in (ROOT / "docs/algorithms").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        if path.stem != "index":
            for section in ("Notes", "Can I use", "Example", "Parameters"):
                assert f"\n## {section}\n" in text, path.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`x` and ``y``", "``x`` and ``y``"),
        ("(A, *S) in |x|", "(A, \\*S) in \\|x\\|"),
        ("x_h and alpha_ here", "x_h and alpha\\_ here"),
        ("* an item", "* an item"),
        (">>> a * b", ">>> a * b"),
    ],
)
def test_lines_of_docstrings_become_restructured_text(text, expected):
    assert escape(text) == expected


def test_blocks_of_docstrings_become_restructured_text():
    text = (
        "One.\n\n    L = a * b\n\n## Two\n| a | b |\n|---|---|\n| 1 | `c` |\n\nArgs:\n    x: A *.\n"
    )
    lines = "\n".join(convert(text.splitlines()))
    assert "::\n\n    L = a * b\n" in lines
    assert ".. rubric:: Two" in lines
    assert (
        ".. list-table::\n   :header-rows: 1\n\n   * - a\n     - b\n   * - 1\n     - ``c``" in lines
    )
    assert "Args:\n    x: A \\*." in lines


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top"></h1><a href="b.html"></a><a href="#top"></a><a href="#low"></a>'
        '<a href="https://example.org"></a><script src="https://example.org/x.js"></script>'
    )
    assert check_links.find_faults(tmp_path) == [
        "a.html links to #low, which has no such anchor",
        "a.html links to b.html, which is not there",
        "a.html loads https://example.org/x.js",
    ]


@pytest.fixture(scope="module")
def links():
    return pytest.importorskip("docs.sphinx_extensions.repository_links")  # it needs docutils


def test_files_that_are_pages_lead_to_them(links):
    for name, page in links.PAGES.items():
        assert links.find_page(ROOT / name, set()) == page


def test_other_files_get_a_page_with_their_source(links):
    assert links.find_page(ROOT / "gcgen_env/env.py", {"theory"}) == "source/gcgen_env/env.py"
    assert links.find_page(ROOT / "docs/theory.md", {"theory"}) == "theory"


def test_every_page_is_in_the_contents():
    """Sphinx would warn, and `make docs` fail."""
    folder = ROOT / "docs"
    listed = {"index"}
    for path in folder.glob("**/*.md"):
        here = path.parent.relative_to(folder)
        for body in re.findall(r"```\{toctree\}\n(.*?)```", path.read_text(encoding="utf-8"), re.S):
            entries = [e for e in body.splitlines() if e.strip() and not e.startswith(":")]
            targets = [re.sub(r".*<(.+)>$", r"\1", entry) for entry in entries]
            for target in targets:
                place = os.path.normpath(here / target)  # a target may be in another folder
                found = folder.glob(f"{Path(place).as_posix()}.md")
                listed |= {p.relative_to(folder).with_suffix("").as_posix() for p in found}
    pages = {p.relative_to(folder).with_suffix("").as_posix() for p in folder.glob("**/*.md")}
    assert {page for page in pages - listed if not page.startswith("reference/")} == set()
