"""Where runs are executed: here, by submitit on a cluster, or by Ray."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from agents.benchmark.execution import execute
from agents.benchmark.study import Run

Outcome = tuple[Run, str | None]
"""A run, and what went wrong."""
LOST = "its process died; executed again next time"
"""What is said of a run that could not even note its failure: killed, or out of memory."""


def launch_locally(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[Outcome]:
    """Execute runs in `jobs` processes of this machine, a fresh process for each run."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload([execute.__module__])  # so that a new process has its imports
    left = list(runs)
    while left:
        done = []
        for run, error in _execute_in_pool(left, out, jobs, context):
            done.append(run)
            yield run, error
        left = [run for run in left if run not in done]  # a dead process takes its pool along


def _execute_in_pool(runs: Sequence[Run], out: Path, jobs: int, context: Any) -> Iterator[Outcome]:
    """Execute runs until all are done or a process dies."""
    with ProcessPoolExecutor(jobs, context, _exit_on_sigterm, max_tasks_per_child=1) as pool:
        futures = {pool.submit(execute, run, out): run for run in runs}
        try:
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenProcessPool:
                    yield futures[future], LOST
                    return
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _exit_on_sigterm() -> None:
    """Let a terminated process clean up behind itself."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


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
            f'--launcher {name} needs the package: pip install "gcgen[{name}]"'
        ) from error


LAUNCHERS: dict[str, Callable[[Sequence[Run], Path, int], Iterator[Outcome]]] = {
    "local": launch_locally,
    "submitit": launch_with_submitit,
    "ray": launch_with_ray,
}
"""By the name that `--launcher` takes."""
