"""Starts the processes that share a command, with the agent that `torchrun` uses."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agents.cli.checks import InputError
from agents.cli.commands import Command
from agents.cli.interrupts import EXIT_CODE

FAILURE = "GCGEN_FAILURE"
"""Environment variable: a file in which a process says that it is useless to start again."""
_ERRORS = "TORCHELASTIC_ERROR_FILE"  # of `torchrun`: LOGS/attempt_N/RANK/error.json
MOST_PROCESSES = 1024
_PATIENCE = "120"  # seconds in which stopped processes write the last checkpoint


class ProcessDied(InputError):
    """A process of a command has died, and has been started again as often as was wanted."""

    exit_code = 1


def run(command: Command, words: Sequence[str]) -> int:
    """Run a command in this process, or in several if its options say so.

    Args:
        command: The command.
        words: Its name and its options, for the other processes.

    Returns:
        The exit code.
    """
    processes, restarts = (getattr(command, name, 0) for name in ("processes", "max_restarts"))
    if processes < 1 and hasattr(command, "processes"):
        raise InputError(f"--processes must be at least 1, got {processes}")
    if processes > MOST_PROCESSES:
        raise InputError(f"--processes must be at most {MOST_PROCESSES}, got {processes}")
    if restarts < 0:
        raise InputError(f"--max-restarts must be at least 0, got {restarts}")
    if (processes <= 1 and restarts == 0) or "RANK" in os.environ:  # here, or one of them
        return _read_failure() or command.run()  # a mistake was reported at the first start
    return launch(words, processes, restarts)


def launch(words: Sequence[str], processes: int, max_restarts: int = 0) -> int:
    """Run a command in several processes on this machine; return the exit code.

    Raises:
        ProcessDied: If one of them has died.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    _silence("torch.distributed.elastic")
    with TemporaryDirectory() as folder, setting(_make_environment(processes, Path(folder))):
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",  # a free port
            local_addr="localhost",
            max_restarts=max_restarts,
            monitor_interval=0.1,
        )
        try:
            elastic_launch(config, sys.executable)("-m", "agents.cli", *words)
        except SignalException:  # the processes have been told, and have ended
            return EXIT_CODE
        except ChildFailedError as error:
            return _read_failure() or _report(error.get_first_failure(), processes)
    return 0


def note_failure(code: int) -> None:
    """Say that it is useless to start this command again: the user has to change something."""
    if path := _find_note():
        path.write_text(str(code))


@contextmanager
def setting(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and restore them at the end."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _make_environment(processes: int, folder: Path) -> dict[str, str]:
    """Return the environment variables of the processes."""
    root = str(Path(__file__).parents[2])  # where this package is
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    defaults = {
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes)),
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": _PATIENCE,
    }
    chosen = {name: os.environ.get(name, value) for name, value in defaults.items()}
    return {**chosen, FAILURE: str(folder / "failure"), "PYTHONPATH": os.pathsep.join(paths)}


def _read_failure() -> int:
    """Return the exit code that a process has noted, or 0 if no process has."""
    path = _find_note()
    return int(path.read_text() or 0) if path and path.is_file() else 0


def _find_note() -> Path | None:
    """Return where a failure is noted for the next start; None if nobody starts it again."""
    if FAILURE in os.environ:
        return Path(os.environ[FAILURE])
    if errors := os.environ.get(_ERRORS):
        return Path(errors).parents[2] / "gcgen_failure"  # one folder for each `torchrun`
    return None


def _report(failure: tuple[int, Any], processes: int) -> int:
    """Return the exit code after a failure, which its process has reported.

    Raises:
        ProcessDied: If it could not, because it was killed.
    """
    rank, found = failure
    if found.exitcode < 0:
        raise ProcessDied(
            f"process {rank} of {processes} was killed ({found.signal_name()}): continue with "
            "--resume, or use --max-restarts"
        )
    return found.exitcode


def _silence(name: str) -> None:
    """Keep the log of a library from the screen; its loggers have levels of their own."""
    if logging.getLogger().level == logging.INFO:  # with --verbose
        return
    for each in list(logging.root.manager.loggerDict):
        if each.startswith(name):
            logging.getLogger(each).setLevel(logging.CRITICAL + 1)
