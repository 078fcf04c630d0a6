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

import gymnasium as gym
import torch
from safetensors.numpy import save_file
from stable_baselines3.common.callbacks import BaseCallback

from agents.baselines import GreedyAgent, RandomAgent
from agents.benchmark.contestants import CONTESTANTS
from agents.benchmark.scores import normalise
from agents.benchmark.study import FAILURE, IMAGES, RESULT, TIMING, Run
from agents.common.evaluation import Agent, EpisodeStats, evaluate_agent
from agents.common.memory import read_peak
from agents.common.provenance import describe_machine
from agents.common.versions import find_versions
from gcgen_env.atomic_files import write_json
from gcgen_env.vector_env import GCGenVectorEnv

EVALUATION_SEED = 12345
"""Seed of the goals of every evaluation."""
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
        self.contestant = CONTESTANTS[run.contestant]
        self.envs = _make_evaluation(run)
        self.anchors: dict[str, float] = {}
        self.curve: list[dict[str, Any]] = []
        self.seconds: list[float] = []
        self._start = 0.0

    def perform(self) -> None:
        """Measure the anchors of the score, then train and evaluate the contestant."""
        for name, agent in (("random", RandomAgent(0)), ("greedy", GreedyAgent(self.envs))):
            self.anchors[name] = float(self._play(agent).gain.mean())
        env = self.contestant.make_env(self.run.env, nucleus=self.run.nucleus)
        env.seed(self.run.seed)
        model = self.contestant.make(env, self.run.seed)
        self._start = time.monotonic()
        if self.contestant.learns:
            model.learn(self.run.timesteps, callback=_Evaluations(self))
            self.steps = model.num_timesteps
        self.evaluate(model, self.steps)

    def evaluate(self, model: Any, steps: int) -> None:
        """Add a point to the learning curve; the clock of the training stands still."""
        now = time.monotonic()
        self.seconds.append(now - self._start)  # without evaluations
        self.stats = stats = self._play(self.contestant.adapt(model))
        gain = float(stats.gain.mean())  # nats
        self.curve.append(
            {
                "steps": steps,
                "return": float(stats.returns.mean()),
                "gain": gain,
                "score": float(normalise(gain, **self.anchors)),
                "success": float(stats.success.mean()),
                "invalid_rate": float(stats.invalid_actions.mean() / self.envs.config.horizon),
            }
        )
        self._start += time.monotonic() - now

    def write(self, folder: Path) -> None:
        """Write images, durations and figures; the figures last."""
        goal, image = self.stats.goal[:SHOWN], self.stats.image[:SHOWN]
        save_file({"goal": goal, "image": image}, folder / IMAGES)
        write_json(
            folder / TIMING,
            {
                "seconds": self.seconds,
                "steps_per_second": self.steps / max(self.seconds[-1], 1e-9),
                "peak_memory_bytes": read_peak(),
                "machine": describe_machine(),
                "versions": find_versions(),
            },
        )
        result = {"run": self.run.to_json(), "anchors": self.anchors, "curve": self.curve}
        write_json(folder / RESULT, {**result, "gain": self.stats.gain.tolist()})

    def _play(self, agent: Agent) -> EpisodeStats:
        """Play the episodes of an evaluation; learners select their most probable actions."""
        learns = self.contestant.learns
        return evaluate_agent(agent, self.envs, self.run.episodes, EVALUATION_SEED, learns)


class _Evaluations(BaseCallback):
    """Evaluates the model at regular steps, before a roll-out."""

    def __init__(self, execution: Execution) -> None:
        """Store the execution."""
        super().__init__()
        self.execution = execution
        self.next = 0  # timesteps; the first point is the untrained model

    def _on_step(self) -> bool:
        """Continue the training."""
        return True

    def _on_rollout_start(self) -> None:
        """Evaluate the model if enough steps have passed."""
        run = self.execution.run
        if self.num_timesteps >= self.next:
            self.execution.evaluate(self.model, self.num_timesteps)
            self.next += max(run.timesteps // run.evaluations, 1)  # short runs advance, too


def _make_evaluation(run: Run) -> GCGenVectorEnv:
    """Build the environments of the evaluation: pixels, test images, potential reward."""
    envs = gym.make_vec(
        run.env,
        num_envs=min(run.episodes, 64),  # memory does not grow with the episodes
        split="test",
        nucleus=run.nucleus,
        autoreset_mode="Disabled",  # every round begins with `reset`
    )
    assert isinstance(envs, GCGenVectorEnv)
    return envs
