"""Mutated models, S-agents, data sets, run folders and benchmarks: refused or used, never worse.

Every input is refused with a ValueError that names the file in one line, or it can be used. None
takes 10 seconds or 1 GB, runs code, or writes outside of its folder.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT


def fuzz(folder: Path, seed: int, count: int) -> dict[str, object]:
    """Try mutated files in a process of its own."""
    command = [sys.executable, "-m", "tests.fuzzing.worker", str(folder), str(seed), str(count)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]  # a crash of a reader, too
    return json.loads(done.stdout.splitlines()[-1])


def check(found: dict[str, object]) -> None:
    assert found["problems"] == []
    assert found["bytes"] < 10**9
    ends = found["ends"]
    assert {name.split()[1] for name in ends} == {"accepted", "refused"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_ten_thousand_mutated_files(seed: int, tmp_path: Path) -> None:
    (tmp_path / "beside").touch()
    found = fuzz(tmp_path / "work", seed, 2_000)
    check(found)
    assert sum(found["ends"].values()) == 2_000
    assert {path.name for path in tmp_path.iterdir()} == {"beside", "work"}


def test_a_hundred_mutated_files(tmp_path: Path) -> None:
    """The quick part of the test above."""
    check(fuzz(tmp_path / "work", 5, 100))
