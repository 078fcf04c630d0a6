"""`gcgen train --processes` and `torchrun`: real processes, and the codes with which they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from agents.cli.launch import FAILURE, note_failure, run, setting
from agents.cli.run_folder import RunFolder
from tests.agents.cli.ranked import TINY

ROOT = Path(__file__).parents[3]
HERE = ("-m", "agents.cli", "train", *TINY)


def start(*words):
    """Start Python in a process of its own."""
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_training(path, process):
    """Wait until a run has begun to train."""
    deadline = time.monotonic() + 300
    while not list(path.glob("tb/*/events.*")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--processes", "0", "--processes must be at least 1, got 0"),
        ("--processes", "5000", "--processes must be at most 1024, got 5000"),
        ("--max-restarts", "-1", "--max-restarts must be at least 0, got -1"),
    ],
)
def test_numbers_out_of_range(fails, option, value, message):
    assert message in fails("train", option, value)


class Works:
    """A command that succeeds."""

    def run(self):
        """Return the exit code."""
        return 0


def test_a_failure_is_noted_for_the_next_attempt(tmp_path):
    note_failure(2)  # nobody will read it
    assert run(Works(), []) == 0
    with setting({FAILURE: str(tmp_path / "failure")}):
        assert run(Works(), []) == 0
        note_failure(2)
        assert run(Works(), []) == 2
    assert FAILURE not in os.environ


def test_torchrun_keeps_the_failure_with_its_logs(tmp_path):
    def attempt(number):
        return setting(
            {"TORCHELASTIC_ERROR_FILE": str(tmp_path / f"attempt_{number}/0/error.json")}
        )

    with attempt(0):
        assert run(Works(), []) == 0
        note_failure(2)
    with attempt(1):
        assert run(Works(), []) == 2


@pytest.mark.slow
def test_torchrun(tmp_path):
    run = tmp_path / "run"
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    process = start(*launcher, *HERE, "--timesteps", "96", "--out", run)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert output.count("test bound after") == 1
    assert RunFolder(run).read().command.startswith("gcgen train")


@pytest.mark.slow
def test_ctrl_c_stops_all_processes(tmp_path):
    run = tmp_path / "run"
    process = start(*HERE, "--minutes", "10", "--processes", "2", "--out", run)
    wait_for_training(run, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert f"continue with: gcgen train --resume {run}" in output
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_killed_process_without_restarts(tmp_path):
    run = tmp_path / "run"
    process = start(*HERE, "--minutes", "10", "--processes", "2", "--out", run)
    wait_for_training(run, process)
    worker = psutil.Process(process.pid).children()[1]
    worker.kill()
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1, errors
    assert "process 1 of 2 was killed (SIGKILL): continue with --resume" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_mistake_is_reported_once_however_often_processes_may_start(tmp_path):
    words = ("--processes", "2", "--max-restarts", "3", "--batch-size", "1", "--out", tmp_path)
    process = start(*HERE, *words)
    output, errors = process.communicate(timeout=300)
    assert (process.returncode, output) == (2, ""), errors
    assert errors.count("2 processes are too many for an update of 1 goals") == 1
    assert errors.count("\n") == 1, errors


@pytest.mark.slow
def test_processes_end_with_their_launcher(tmp_path):
    run = tmp_path / "run"
    process = start(*HERE, "--minutes", "10", "--processes", "2", "--out", run)
    wait_for_training(run, process)
    workers = psutil.Process(process.pid).children()
    process.kill()
    _, alive = psutil.wait_procs(workers, timeout=120)
    process.communicate()
    assert alive == []
    assert RunFolder(run).read().minutes > 0
