"""The wheel and the sdist: what they hold, and README's quickstarts on the installed wheel."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.test_readme import BLOCKS, shrink

ROOT = Path(__file__).parent.parent
PACKAGES = ("agents", "gcgen_env")
FOLDERS = (*PACKAGES, ".ci", ".github", "benchmarks", "docs", "examples", "tests")
FILES = (
    ".dockerignore",
    ".gitignore",
    "CHANGELOG.md",
    "CITATION.cff",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "MANIFEST.in",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "THIRD_PARTY.md",
    "constraints.txt",
    "environment.yml",
    "pyproject.toml",
    "requirements-lock.txt",
    "setup.cfg",
)
IGNORED = shutil.ignore_patterns("__pycache__", "reference")  # pages that `make docs` makes
CLEAN_ENV = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


class Distributions(NamedTuple):
    source: Path
    sdist: Path
    wheel: Path
    wheel_of_sdist: Path


def run(*command, cwd):
    """Run a command in a folder without PYTHONPATH, and return its output."""
    done = subprocess.run(command, cwd=cwd, env=CLEAN_ENV, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_wheel(source, out):
    """Build a wheel from a folder or an sdist with the installed setuptools."""
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(out))
    run(*PIP, "wheel", *options, str(source), cwd=out.parent)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Build in a copy of the repository: setuptools writes into the folder that it builds."""
    folder = tmp_path_factory.mktemp("distributions")
    source = folder / "source"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=IGNORED)
    for name in FILES:
        shutil.copy(ROOT / name, source)
    code = f"from setuptools.build_meta import build_sdist; build_sdist({str(folder)!r})"
    run(sys.executable, "-c", code, cwd=source)
    (sdist,) = folder.glob("*.tar.gz")
    return Distributions(
        source,
        sdist,
        build_wheel(source, folder / "wheel"),
        build_wheel(sdist, folder / "wheel-of-sdist"),
    )


@pytest.fixture(scope="module")
def python(distributions, tmp_path_factory):
    """Install the wheel alone; its requirements are those of this interpreter."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=os.name != "nt")
    python = find_script(folder, "python")
    site = Path(
        run(python, "-Ic", "import site; print(site.getsitepackages()[0])", cwd=folder)[:-1]
    )
    places = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    # Python reads no .pth files in folders that a .pth file names, so that an editable install
    # of the repository is not visible.
    (site / "requirements.pth").write_text("\n".join(places))
    find = "from importlib.util import find_spec; print(find_spec('gcgen_env'))"
    assert run(python, "-Ic", find, cwd=folder) == "None\n"
    options = ("--no-deps", "--no-index")
    run(*PIP, "--python", python, "install", *options, str(distributions.wheel), cwd=folder)
    return python


def find_script(folder, name):
    """Return the path of a script of an environment."""
    return shutil.which(name, path=str(folder / ("Scripts" if os.name == "nt" else "bin")))


def list_files(folder):
    """Return the files below a folder, relative to it, without what setuptools writes."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if path.parts[0] not in ("build", "gcgen.egg-info")}


def read_wheel(path):
    """Return the content of every file of a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_two_packages(distributions):
    names = {name for name in read_wheel(distributions.wheel) if ".dist-info/" not in name}
    assert names == {
        name for name in list_files(distributions.source) if name.split("/")[0] in PACKAGES
    }
    assert {"gcgen_env/py.typed", "agents/py.typed", "gcgen_env/weights/mnist.safetensors"} <= names
    assert "agents/benchmark/references.json" in names
    assert "agents/benchmark/hyperparameters.json" in names


def test_the_sdist_holds_the_repository(distributions):
    with tarfile.open(distributions.sdist) as archive:
        paths = [Path(member.name) for member in archive.getmembers() if member.isfile()]
    names = {Path(*path.parts[1:]).as_posix() for path in paths}
    names = {name for name in names if not name.startswith("gcgen.egg-info/")}
    assert names == {*list_files(distributions.source), "PKG-INFO"}


def test_the_wheel_of_the_sdist_is_the_same(distributions):
    assert read_wheel(distributions.wheel) == read_wheel(distributions.wheel_of_sdist)


IN_TURN = """
import contextlib, json, pathlib
for title, code in json.loads(pathlib.Path("blocks.json").read_text()).items():
    print("running", title, flush=True)
    pathlib.Path(title).mkdir()
    with contextlib.chdir(title):
        pathlib.Path("my_images.npy").write_bytes(pathlib.Path("../my_images.npy").read_bytes())
        exec(compile(code, title, "exec"), {"__name__": "quickstart"})
import agents, gcgen_env
print(agents.__file__, gcgen_env.__file__, sep="\\n")
"""
"""Runs every quickstart, each in a folder of its own; one process imports torch once for all."""


def test_quickstarts_run_outside_the_repository(python, tmp_path):
    images = np.random.default_rng(0).integers(256, size=(40, 20, 24, 3), dtype=np.uint8)
    np.save(tmp_path / "my_images.npy", images)
    blocks = {title: shrink(code) for title, code in BLOCKS.items()}
    (tmp_path / "blocks.json").write_text(json.dumps(blocks))
    lines = run(python, "-Ic", IN_TURN, cwd=tmp_path).splitlines()
    assert [line for line in lines if line.startswith("running ")] == [
        f"running {title}" for title in BLOCKS
    ]
    installed = Path(python).parents[1]
    assert all(Path(path).is_relative_to(installed) for path in lines[-2:])


def test_the_command_is_installed(python, tmp_path):
    gcgen = find_script(Path(python).parents[1], "gcgen")
    assert "GCGen-Digits-v0" in run(gcgen, "info", cwd=tmp_path)


@pytest.mark.slow
def test_the_declared_requirements_suffice(distributions, tmp_path):
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    python = find_script(folder, "python")
    constraints = str(ROOT / "constraints.txt")
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "-c", constraints, str(distributions.wheel), cwd=tmp_path)
    run(*pip, "check", cwd=tmp_path)
    for code in list(BLOCKS.values())[:2]:
        run(python, "-Ic", shrink(code), cwd=tmp_path)
    assert "GCGen-Digits-v0" in run(find_script(folder, "gcgen"), "info", cwd=tmp_path)
