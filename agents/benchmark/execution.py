"""Executes one run: trains, evaluates during the training, and writes all results at once."""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import save_file
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from agents.benchmark.references import find_references, make_evaluation, summarise
from agents.benchmark.scores import normalise
from agents.benchmark.study import FAILURE, IMAGES, RESULT, TIMING, Run
from agents.benchmark.tasks import SEED
from agents.common.evaluation import EpisodeStats, evaluate_agent
from agents.common.memory import read_peak
from agents.common.provenance import describe_machine, find_commit
from agents.common.versions import find_versions
from gcgen_env.allocator import keep_freed_memory
from gcgen_env.atomic_files import write_json

SHOWN = 12
"""Number of goals whose final images are saved."""
ATTEMPTS = 10
"""Number of attempts to move a folder to its name."""


def execute(run: Run, out: Path) -> str | None:
    """Execute a run unless its results exist.

    Args:
        run: The run.
        out: Folder of the study.

    Returns:
        The error in one sentence; None after success.
    """
    if run.is_complete(out):
        return None
    try:
        return _execute_in_temporary_folder(run, out)
    except OSError as failed:  # not even the error can be written
        return _describe(failed)


def _execute_in_temporary_folder(run: Run, out: Path) -> str | None:
    """Write the results of a run, or its error, and move them to its folder; return the error.

    Raises:
        OSError: If neither can be written.
    """
    folder = run.folder(out)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        ".tmp", f".{folder.name}.", folder.parent, ignore_cleanup_errors=True
    ) as name:
        temporary = Path(name)
        return _move(run, out, temporary, _write_results(run, temporary))


def _write_results(run: Run, folder: Path) -> str | None:
    """Execute a run and write its results, or its error; return the error."""
    torch.set_num_threads(1)  # the runs share the cores
    keep_freed_memory()
    try:
        execution = Execution(run)
        execution.perform()
        execution.write(folder)
        return None
    except Exception as failed:  # one failed run must not end the study
        error, trace = _describe(failed), traceback.format_exc()
    try:
        write_json(folder / FAILURE, {"run": run.to_json(), "error": error, "traceback": trace})
    except OSError as failed:
        raise OSError(f"{error}; writing this error failed too: {failed}") from failed
    return error


def _describe(failed: Exception) -> str:
    """Return an exception in one sentence."""
    return f"{type(failed).__name__}: {failed}"


def _move(run: Run, out: Path, temporary: Path, error: str | None) -> str | None:
    """Move a temporary folder to the folder of its run, unless another process has completed it.

    Raises:
        OSError: If the folder cannot be moved.
    """
    folder = run.folder(out)
    for _ in range(ATTEMPTS):
        if run.is_complete(out):
            shutil.rmtree(temporary)
            return None
        try:
            temporary.replace(folder)  # atomic, but fails if the folder exists and is not empty
            return error
        except OSError as failed:
            if failed.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # systems raise either
                raise
        aside = temporary.with_name(f"{temporary.name}.old")
        with suppress(FileNotFoundError):  # another process has moved it
            folder.replace(aside)
        if (aside / RESULT).is_file():  # not an earlier failure: another process was faster
            temporary, aside, error = aside, temporary, None  # the complete one moves back
        shutil.rmtree(aside, ignore_errors=True)
    raise OSError(errno.EEXIST, "another folder always has its name", str(folder))


class Execution:
    """The execution of one run, with the figures that it measures."""

    stats: EpisodeStats
    """Episodes of the last evaluation."""
    steps: int = 0
    """Number of decisions of the training."""

    def __init__(self, run: Run) -> None:
        """Build the environments of the evaluation; `perform` executes the run."""
        self.run = run
        self.contestant = run.make_contestant()
        kwargs = {**run.env_kwargs(), "split": run.split}
        self.envs = make_evaluation(run.env, min(run.episodes, 64), **kwargs)
        self.references = find_references(run.env)
        self.curve: list[dict[str, Any]] = []
        self.seconds: list[float] = []
        self.cpu_seconds = 0.0  # of the training, without evaluations
        self._next = 0  # decisions; the first point is the untrained model

    def perform(self) -> None:
        """Train the contestant and evaluate it along the way and at the end."""
        run = self.run
        scale = 1.0 if run.track == "sparse" else 1.0 / self.references["best"]["gain"]
        env = self.contestant.make_env(run.env, **run.env_kwargs(), reward_scale=scale)
        env.seed(run.seed)
        model = self.contestant.make(env, run.seed)
        self._start, self._cpu_start = time.monotonic(), time.process_time()
        if isinstance(model, BaseAlgorithm) and self.contestant.learns:
            model.learn(run.timesteps, callback=_Evaluations(self))
            self.steps = model.num_timesteps
        elif self.contestant.learns:
            model.learn(run.timesteps, lambda steps: self.evaluate_if_due(model, steps))
            self.steps = run.timesteps
        self.evaluate(model, self.steps)

    def evaluate_if_due(self, model: Any, steps: int) -> None:
        """Evaluate the model after regular numbers of decisions."""
        if steps >= self._next:
            self.evaluate(model, steps)
            interval = max(self.run.timesteps // self.run.evaluations, 1)  # also of short runs
            self._next = (steps // interval + 1) * interval

    def evaluate(self, model: Any, steps: int) -> None:
        """Add a point to the learning curve; the clocks of the training stand still."""
        now, cpu = time.monotonic(), time.process_time()
        self.seconds.append(now - self._start)  # without evaluations
        self.cpu_seconds = cpu - self._cpu_start
        self.stats = stats = evaluate_agent(
            model, self.envs, self.run.episodes, SEED, deterministic=self.contestant.learns
        )
        means = summarise(stats, self.run.env)
        self.curve.append(
            {
                "steps": steps,
                "return": float(stats.returns.mean()),
                **means,
                "score": float(normalise(means["gain"], self.references["best"]["gain"])),
                "invalid_rate": float(stats.invalid_actions.mean() / self.envs.config.horizon),
            }
        )
        self._start += time.monotonic() - now
        self._cpu_start += time.process_time() - cpu

    def write(self, folder: Path) -> None:
        """Write images, durations and figures; the figures last."""
        goal, image = self.stats.goal[:SHOWN], self.stats.image[:SHOWN]
        save_file({"goal": goal, "image": image}, folder / IMAGES)
        write_json(
            folder / TIMING,
            {
                "seconds": self.seconds,
                "cpu_seconds": self.cpu_seconds,
                "steps_per_second": self.steps / max(self.seconds[-1], 1e-9),
                "peak_memory_bytes": read_peak(),
                "machine": describe_machine(),
                "versions": find_versions(),
                "commit": find_commit(),
            },
        )
        result = {
            "run": self.run.to_json(),
            "references": self.references,
            "curve": self.curve,
            "gain": self.stats.gain.tolist(),
        }
        write_json(folder / RESULT, result)


class _Evaluations(BaseCallback):
    """Evaluates the model at regular steps, before a roll-out."""

    def __init__(self, execution: Execution) -> None:
        """Store the execution."""
        super().__init__()
        self.execution = execution

    def _on_step(self) -> bool:
        """Continue the training."""
        return True

    def _on_rollout_start(self) -> None:
        """Evaluate the model if enough steps have passed."""
        self.execution.evaluate_if_due(self.model, self.num_timesteps)
