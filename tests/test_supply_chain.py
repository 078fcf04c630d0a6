"""What is installed: locked with hashes, listed with licences, checked on three systems."""

import configparser
import re

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house import ROOT
from tests.licences import PAGE, find_closure

SYSTEMS = ("linux", "darwin", "win32")
PYTHONS = ("3.11", "3.12", "3.13")
WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")


def read_setup():
    """Return setup.cfg."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup


def read_requirements(text):
    """Return the canonical names of requirements, one in each line."""
    lines = [line for line in text.splitlines() if line.strip()]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def read_lock():
    """Return (requirement, hashes) of every package of the lock file."""
    text = (ROOT / "requirements-lock.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\w)", "\n".join(re.findall(r"^[^#].*", text, re.MULTILINE)))
    words = [entry.replace("\\\n", " ").split(" --hash=") for entry in entries]
    return [(Requirement(first.strip()), [h.strip() for h in rest]) for first, *rest in words]


def find_locked(system, python):
    """Return the locked version of every package on a system."""
    place = {**default_environment(), "sys_platform": system, "python_full_version": f"{python}.0"}
    place["python_version"] = python
    found = [r for r, _ in read_lock() if r.marker is None or r.marker.evaluate(place)]
    versions = {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in found}
    assert len(versions) == len(found), "a package is locked twice"
    return versions


def test_every_locked_package_has_one_version_and_hashes():
    for requirement, hashes in read_lock():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_what_is_declared_and_tested(system, python):
    setup, locked = read_setup(), find_locked(system, python)
    declared = setup["options"]["install_requires"] + setup["options.extras_require"]["dev"]
    assert read_requirements(declared) <= set(locked)
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for line in re.findall(r"^[^#\s].*", text, re.MULTILINE):
        name, _, version = line.partition("==")
        assert locked.get(canonicalize_name(name), version) == version


def test_the_lock_is_complete():
    assert set(find_closure("gcgen")) <= set(find_locked("linux", "3.11"))


def test_every_dependency_is_listed_with_its_licence():
    rows = [row.split(" | ") for row in re.findall(r"^\| (.+) \|$", PAGE.read_text(), re.MULTILINE)]
    listed = {row[0]: row for row in rows if row[0] != "library"}
    declared = read_requirements(read_setup()["options"]["install_requires"])
    assert declared | set(find_closure("gcgen")) <= set(listed)
    locked = find_locked("linux", "3.11")
    for name, (_, version, licence, home) in listed.items():
        assert version == locked[name]
        assert licence
        assert home.startswith("http")


def test_the_workflow_runs_commands_that_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    commands = re.findall(r"^ +- run: (.+)$", WORKFLOW, re.MULTILINE)
    assert {"make lint", "make doctest", "make test"} <= set(commands)
    for command in commands:
        make, *words = command.split()
        assert make == "make"
        assert {word for word in words if "=" not in word} <= targets


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=str)
def test_every_workflow_runs_our_commands_and_pins_its_actions(path):
    text, makefile = path.read_text(encoding="utf-8"), (ROOT / "Makefile").read_text("utf-8")
    for command in re.findall(r"^ +- run: (.+)$", text, re.MULTILINE):
        make, target, *_ = command.split()
        assert make == "make"
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    for action in re.findall(r"uses: (.+)", text):
        assert re.fullmatch(r"actions/[a-z-]+@v\d+|pypa/gh-action-pypi-publish@v[\d.]+", action)
    assert text.count("permissions:\n  contents: read\n") == 1  # the default of every job
    assert "secrets." not in text


def test_only_the_publishing_job_gets_a_token():
    folder = ROOT / ".github/workflows"
    granted = {path.name: path.read_text().count("id-token: write") for path in folder.iterdir()}
    assert {name for name, times in granted.items() if times} == {"release.yml"}
    assert granted["release.yml"] == 1


def test_the_workflow_covers_what_is_declared():
    declared = re.findall(r":: (3\.\d+)$", read_setup()["metadata"]["classifiers"], re.MULTILINE)
    tested = re.search(r"^ +python: \[(.+)\]$", WORKFLOW, re.MULTILINE)[1]
    assert tested.replace('"', "").split(", ") == declared == list(PYTHONS)
    for system in ("ubuntu", "macos", "windows"):
        assert f"{system}-latest" in WORKFLOW


def test_the_workflow_may_only_read():
    assert re.findall(r"^permissions:\n  (.+)$", WORKFLOW, re.MULTILINE) == ["contents: read"]
    assert WORKFLOW.count("permissions:") == 1
    for action in re.findall(r"uses: (.+)", WORKFLOW):
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", action)
