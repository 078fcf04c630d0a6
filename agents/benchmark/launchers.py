"""Where runs are executed: here, by submitit on a cluster, or by Ray."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from agents.benchmark.execution import execute
from agents.benchmark.study import Run

Outcome = tuple[Run, str | None]
"""A run, and what went wrong."""


def launch_locally(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[Outcome]:
    """Execute runs in `jobs` processes of this machine, a fresh process for each run."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload([execute.__module__])  # so that a new process has its imports
    with ProcessPoolExecutor(jobs, context, max_tasks_per_child=1) as pool:
        futures = {pool.submit(execute, run, out): run for run in runs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def launch_with_submitit(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[Outcome]:
    """Execute runs as an array of cluster jobs, `jobs` at a time.

    Without a cluster, submitit executes them on this machine.

    Raises:
        ImportError: If submitit is not installed: `pip install "gcgen[submitit]"`.
    """
    import submitit

    executor = submitit.AutoExecutor(folder=out / "submitit")
    executor.update_parameters(name="gcgen", cpus_per_task=1, timeout_min=240)
    if executor.cluster == "slurm":
        executor.update_parameters(slurm_array_parallelism=jobs)
    with executor.batch():
        submitted = [executor.submit(execute, run, out) for run in runs]
    waiting = dict(zip(submitted, runs, strict=True))
    for job in submitit.helpers.as_completed(submitted):
        yield waiting[job], job.result()


def launch_with_ray(runs: Sequence[Run], out: Path, jobs: int) -> Iterator[Outcome]:
    """Execute runs on the Ray cluster at hand, or on one of `jobs` processes started here.

    Raises:
        ImportError: If Ray is not installed: `pip install "gcgen[ray]"`.
    """
    import ray

    if not ray.is_initialized():
        ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False)
    remote = ray.remote(num_cpus=1, max_calls=1)(execute)
    waiting = {remote.remote(run, out.resolve()): run for run in runs}
    pending = list(waiting)
    while pending:
        (done, *_), pending = ray.wait(pending)
        yield waiting[done], ray.get(done)


LAUNCHERS: dict[str, Callable[[Sequence[Run], Path, int], Iterator[Outcome]]] = {
    "local": launch_locally,
    "submitit": launch_with_submitit,
    "ray": launch_with_ray,
}
"""By the name that `--launcher` takes."""
