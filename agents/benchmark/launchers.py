"""Where runs are executed: here, by submitit on a cluster, or by Ray."""

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

Outcome = tuple[Run, str | None]
"""A run, and what went wrong."""
LOST = "its process died"
"""What is said of a run that could not even note its failure: killed, or out of memory."""


def launch_locally(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[Outcome]:
    """Execute runs on this machine, `jobs` at a time, each in a process of its own."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload([execute.__module__])  # so that a new process has its imports
    left = list(reversed(runs))
    active: dict[Any, tuple[Any, Run]] = {}
    try:
        while left or active:
            while left and len(active) < jobs:
                run = left.pop()
                receiver, process = _start(run, out, context)
                active[receiver] = process, run
            for receiver in wait(list(active)):
                error = _receive(receiver)
                process, run = active.pop(receiver)
                process.join()
                yield run, error
    finally:
        _terminate([process for process, _ in active.values()])


def _start(run: Run, out: Path, context: Any) -> tuple[Any, Any]:
    """Start a process for a run; return where it answers, and the process."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, execute, run, out))
    process.start()
    sender.close()  # now the end of the process is the end of the pipe
    return receiver, process


def _answer(sender: Any, work: Callable[[Run, Path], str | None], run: Run, out: Path) -> None:
    """Execute a run and send what went wrong; a terminated process cleans up behind itself."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sender.send(work(run, out))


def _receive(receiver: Any) -> str | None:
    """Return what a process sent, or that it died before."""
    with receiver:
        try:
            return receiver.recv()
        except (EOFError, OSError):
            return LOST


def _terminate(processes: Sequence[Any]) -> None:
    """End processes, all at once, and wait for them."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def launch_with_submitit(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[Outcome]:
    """Execute runs as cluster jobs, `jobs` at a time; on this machine without a cluster.

    Raises:
        ValueError: If submitit is not installed.
    """
    submitit = _import("submitit")
    executor = submitit.AutoExecutor(folder=out / "submitit")
    executor.update_parameters(name="gcgen", cpus_per_task=1, timeout_min=24 * 60)
    if executor.cluster == "slurm":
        executor.update_parameters(slurm_array_parallelism=jobs)
    window = len(runs) if executor.cluster == "slurm" else jobs
    for first in range(0, len(runs), window):
        some = runs[first : first + window]
        with executor.batch():
            submitted = [executor.submit(execute, run, out) for run in some]
        waiting = dict(zip(submitted, some, strict=True))
        for job in submitit.helpers.as_completed(submitted):
            yield waiting[job], LOST if job.exception() else job.result()


def launch_with_ray(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[Outcome]:
    """Execute runs on the Ray cluster at hand, or in `jobs` processes of one started here.

    Raises:
        ValueError: If Ray is not installed.
    """
    ray = _import("ray")
    if not ray.is_initialized():
        try:
            ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False)
        except ValueError:  # there is a cluster, and it has its own size
            ray.init(log_to_driver=False)
    remote = ray.remote(num_cpus=1, max_calls=1)(execute)
    waiting = {remote.remote(run, out.resolve()): run for run in runs}
    pending = list(waiting)
    while pending:
        (done, *_), pending = ray.wait(pending)
        try:
            yield waiting[done], ray.get(done)
        except ray.exceptions.RayError:
            yield waiting[done], LOST


def _import(name: str) -> Any:
    """Import an extra, or raise a ValueError that says how to get it."""
    try:
        return __import__(name)
    except ImportError as error:
        raise ValueError(
            f"--launcher {name} needs the package: pip install -e '.[{name}]'"
        ) from error


LAUNCHERS: dict[str, Callable[[Sequence[Run], Path, int], Iterator[Outcome]]] = {
    "local": launch_locally,
    "submitit": launch_with_submitit,
    "ray": launch_with_ray,
}
"""By the name that `--launcher` takes."""
