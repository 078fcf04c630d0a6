"""Executes runs in processes on this machine, on a cluster with submitit, or with Ray."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from agents.benchmark.execution import execute
from agents.benchmark.study import Run

EndedRun = tuple[Run, str | None]
"""A run that has ended, and its error; None after success."""
LOST = "its process died"
"""The error of a run whose process was killed, for example because memory ran out."""


def launch_locally(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[EndedRun]:
    """Execute runs on this machine, `jobs` at a time, each in its own process."""
    methods = multiprocessing.get_all_start_methods()  # Windows has no forkserver
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload([execute.__module__])  # new processes share its imports
    left = list(reversed(runs))
    active: dict[Any, tuple[Any, Run]] = {}
    try:
        while left or active:
            while left and len(active) < jobs:
                run = left.pop()
                receiver, process = _start(run, out, context)
                active[receiver] = process, run
            for receiver in wait(list(active)):  # until a run has sent its error or died
                error = _receive(receiver)
                process, run = active.pop(receiver)
                process.join()
                yield run, error
    finally:
        _terminate([process for process, _ in active.values()])  # if the caller stops early


def _start(run: Run, out: Path, context: Any) -> tuple[Any, Any]:
    """Start a process for a run; return the pipe for its answer, and the process."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, execute, run, out))
    process.start()
    sender.close()  # the pipe now closes when the process ends
    return receiver, process


def _answer(sender: Any, work: Callable[[Run, Path], str | None], run: Run, out: Path) -> None:
    """Execute a run and send its error; a terminated process removes its temporary files."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # SystemExit runs the clean-up
    sender.send(work(run, out))


def _receive(receiver: Any) -> str | None:
    """Return the error that a process sent, or `LOST` if it died before."""
    with receiver:
        try:
            return receiver.recv()
        except (EOFError, OSError):  # the pipe closed without an answer
            return LOST


def _terminate(processes: Sequence[Any]) -> None:
    """Terminate all processes, then wait for them."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def launch_with_submitit(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[EndedRun]:
    """Execute runs as jobs of a cluster, `jobs` at a time; on this machine without a cluster.

    Raises:
        ValueError: If submitit is not installed.
    """
    submitit = import_launcher("submitit")
    executor = submitit.AutoExecutor(folder=out / "submitit")
    executor.update_parameters(name="gcgen", cpus_per_task=1, timeout_min=24 * 60)
    if executor.cluster == "slurm":
        executor.update_parameters(slurm_array_parallelism=jobs)  # Slurm itself keeps to `jobs`
    window = len(runs) if executor.cluster == "slurm" else jobs  # others start all at once
    for first in range(0, len(runs), window):
        some = runs[first : first + window]
        with executor.batch():
            submitted = [executor.submit(execute, run, out) for run in some]
        waiting = dict(zip(submitted, some, strict=True))
        for job in submitit.helpers.as_completed(submitted):
            yield waiting[job], LOST if job.exception() else job.result()


def launch_with_ray(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[EndedRun]:
    """Execute runs on the running Ray cluster, or start one here with `jobs` processes.

    Raises:
        ValueError: If Ray is not installed.
    """
    ray = import_launcher("ray")
    if not ray.is_initialized():
        try:
            ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False)
        except ValueError:  # a running cluster keeps its own size
            ray.init(log_to_driver=False)
    remote = ray.remote(num_cpus=1, max_calls=1)(execute)  # a new process for each run
    waiting = {remote.remote(run, out.resolve()): run for run in runs}
    pending = list(waiting)
    while pending:
        (done, *_), pending = ray.wait(pending)
        try:
            yield waiting[done], ray.get(done)
        except ray.exceptions.RayError:
            yield waiting[done], LOST


def import_launcher(name: str) -> Any:
    """Import the package of a launcher, or raise a ValueError that says how to install it."""
    try:
        return __import__(name)
    except ImportError as error:
        raise ValueError(
            f"--launcher {name} needs a package: pip install -e '.[{name}]'"
        ) from error


LAUNCHERS: dict[str, Callable[[Sequence[Run], Path, int], Iterator[EndedRun]]] = {
    "local": launch_locally,
    "submitit": launch_with_submitit,
    "ray": launch_with_ray,
}
"""Launchers by the value of `--launcher`."""
