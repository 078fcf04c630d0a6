"""What README and the pages of docs/ name: commands, programs, classes, files, tables."""

import contextlib
import importlib
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from agents.cli.commands import read_command
from agents.cli.parsing import read_request

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"))
    if not path.is_relative_to(ROOT / "docs" / "reference")  # made from the code by `make docs`
}
EVERYTHING = "\n".join(PAGES.values())
COMMANDS = sorted(set(re.findall(r"^ {4,}(gcgen [^\n#]+)", EVERYTHING, flags=re.MULTILINE)))
IMPORTS = re.findall(r"from ((?:agents|gcgen_env)[\w.]*) import (\w[\w, ]*)", EVERYTHING)
DOTTED = re.findall(r"`((?:agents|gcgen_env)\.\w[\w.]*)(?:\(\))?`", EVERYTHING)
NAMES = sorted(
    {f"{module}.{name.strip()}" for module, names in IMPORTS for name in names.split(",")}
    | set(DOTTED)
)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command):
    command = command.replace("FIRST LAST", "0.2 1.1")
    read_request(*read_command(shlex.split(command)[1:]))


def test_there_are_commands():
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_names_can_be_imported(name):
    parent, _, last = name.rpartition(".")
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module(name)
        return
    assert hasattr(importlib.import_module(parent), last), name


@pytest.mark.parametrize(
    "module", sorted(set(re.findall(r"-m ((?:agents|benchmarks|examples)[\w.]*)", EVERYTHING)))
)
def test_programs_exist(module):
    assert find_spec(module) is not None


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"(?:^    |`)make ([a-z][a-z-]*)", EVERYTHING, re.MULTILINE)))
)
def test_make_targets_exist(target):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_files_named_exist(page):
    text = PAGES[page]
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    paths = [(ROOT / page).parent / link for link in links if not link.startswith("http")]
    paths += [ROOT / name for name in re.findall(r"`((?:docs|examples)/[^`*]+)`", text)]
    assert [path for path in paths if not path.exists()] == []
    made = ROOT / "docs" / "reference"  # written by `make docs`: a reader of the files has none
    assert [path for path in paths if made in path.resolve().parents] == []
    assert page == "docs/index.md" or "{doc}`" not in text  # only the site makes links of these


@pytest.mark.parametrize("page", PAGES)
def test_links_to_headings_lead_to_some(page):
    for name, anchor in re.findall(r"\]\(((?!http)[^)#]*)#([^)]+)\)", PAGES[page]):
        path = (ROOT / page).parent / name if name else ROOT / page
        headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        # As GitHub and MyST do it: words in small letters with hyphens, without punctuation.
        slugs = [
            re.sub(r"[^\w -]", "", each.lower()).strip().replace(" ", "-") for each in headings
        ]
        assert anchor in slugs, f"{name}#{anchor}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_pages_are_short(page):
    assert len(PAGES[page].splitlines()) <= 120


def test_every_table_of_data_is_explained():
    tables = {path.name for path in ROOT.glob("docs/data/*.csv")}
    explained = re.findall(r"^\| `(\w+\.csv)`", PAGES["docs/data/README.md"], re.MULTILINE)
    assert sorted(explained) == sorted(tables)
