import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents import GCGen
from agents.cli.interrupts import StopRequest, handle_signals
from agents.cli.main import main
from agents.cli.run_folder import RunFolder
from tests.agents.cli.conftest import TINY

ROOT = Path(__file__).parents[3]


def start_training(folder: Path, minutes: str) -> subprocess.Popen[str]:
    """Start `gcgen train` in a process of its own, and wait until it has begun to train."""
    command = [sys.executable, "-m", "agents.cli.main", "train", "--out", str(folder)]
    process = subprocess.Popen(
        [*command, "--minutes", minutes, *TINY],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert "test bound before" in process.stdout.readline()
    deadline = time.monotonic() + 30
    while not list(folder.glob("tb/*/events.*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_stopped_run_can_be_continued(number, tmp_path, capsys):
    folder = RunFolder(tmp_path / "run")
    process = start_training(folder.path, "5")
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert str(folder.model) in output
    assert f"gcgen train --resume {folder.path}" in output
    record, timesteps = folder.read(), GCGen.load(folder.model).num_timesteps
    assert timesteps > 0
    assert 0 < record.minutes < 1

    minutes = str(record.minutes + 0.01)
    assert main(["train", "--resume", str(folder.path), "--minutes", minutes]) == 0
    assert GCGen.load(folder.model).num_timesteps > timesteps
    assert record.initial_bound in capsys.readouterr().out


def test_a_caught_signal_does_not_interrupt_but_a_second_one_does():
    request = StopRequest()
    with handle_signals(request):
        assert not request.is_set
        signal.raise_signal(signal.SIGTERM)
        assert request.is_set
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_old_handlers_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with handle_signals(signal.default_int_handler):
        with handle_signals(StopRequest()):
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
