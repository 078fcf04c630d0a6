"""One tiny run that the tests of all commands share."""

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agents.benchmark import launchers
from agents.benchmark.execution import execute
from agents.cli.main import main
from agents.cli.run_folder import RunFolder

TINY = ("--n-envs", "16", "--width", "32", "--depth", "1", "--device", "cpu")
"""Options of a run that takes a second."""


class Run(NamedTuple):
    """A finished run."""

    folder: RunFolder
    output: str


def train(out: Path, *options: str) -> Run:
    """Run `gcgen train` in this process."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = main(["train", "--out", str(out), *TINY, *options])
    assert code == 0
    return Run(RunFolder(out), output.getvalue())


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of 2,048 timesteps; not to be changed."""
    return train(tmp_path_factory.mktemp("run") / "digits", "--timesteps", "2048")


@pytest.fixture
def fails(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A function that runs a command, expects exit code 2, and returns the sentence on stderr."""

    def run(*argv: object) -> str:
        capfd.readouterr()
        assert main([str(word) for word in argv]) == 2
        captured = capfd.readouterr()
        assert captured.err.startswith("gcgen: ")
        assert "Traceback" not in captured.err
        assert captured.err.count("\n") == 1
        return captured.err

    return run


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Execute in this process, and record what was executed."""
    names: list[str] = []

    def launch(runs: Any, out: Path, jobs: int | None) -> Iterator[tuple[Any, str | None]]:
        for run in runs:
            names.append(run.contestant)
            yield run, execute(run, out)

    monkeypatch.setitem(launchers.LAUNCHERS, "local", launch)
    return names
