"""Executes one run: learn, play on the way, and leave the results in one move."""

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
from agents.benchmark.contestants import CONTESTANTS, Contestant
from agents.benchmark.scores import normalise
from agents.benchmark.study import FAILURE, IMAGES, RESULT, TIMING, Run
from agents.cli.run_folder import write_json
from agents.common.evaluation import EpisodeStats, evaluate_agent
from agents.common.memory import read_peak
from agents.common.provenance import describe_machine, find_versions
from gcgen_env.vector_env import GCGenVectorEnv

EVALUATION_SEED = 12345
"""Of the goals that everyone plays for."""
SHOWN = 12
"""Goals whose reconstructions are kept."""
ATTEMPTS = 10
"""Times that a folder is moved to its name before that counts as failed."""


def execute(run: Run, out: Path) -> str | None:
    """Execute a run, unless its results are there.

    Args:
        run: What to do.
        out: Folder of the study.

    Returns:
        What went wrong, in one sentence; None if nothing did.
    """
    if run.is_complete(out):
        return None
    try:
        return _leave(run, out)
    except OSError as failed:  # there is no place even for a note of the failure
        return _name(failed)


def _leave(run: Run, out: Path) -> str | None:
    """Leave the results of a run, or why it failed, under its name; return why it failed.

    Raises:
        OSError: If neither can be written.
    """
    folder = run.folder(out)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(".tmp", f".{folder.name}.", folder.parent))
    try:
        error = _fill(run, temporary)
        return _move(run, out, temporary, error)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _fill(run: Run, folder: Path) -> str | None:
    """Write the results of a run, or why it failed; return why it failed."""
    try:
        _Execution(run).write(folder)
        return None
    except Exception as failed:
        error, trace = _name(failed), traceback.format_exc()
    try:
        write_json(folder / FAILURE, {"run": run.to_json(), "error": error, "traceback": trace})
    except OSError as failed:
        raise OSError(f"{error}; nor can this be noted: {failed}") from failed
    return error


def _name(failed: Exception) -> str:
    """Return an exception in one sentence."""
    return f"{type(failed).__name__}: {failed}"


def _move(run: Run, out: Path, temporary: Path, error: str | None) -> str | None:
    """Give a folder its name; the results of another process, if they are there, stay.

    Raises:
        OSError: If the folder cannot be moved.
    """
    folder = run.folder(out)
    for _ in range(ATTEMPTS):
        if run.is_complete(out):
            shutil.rmtree(temporary)
            return None
        try:
            temporary.replace(folder)
            return error
        except OSError as failed:
            if failed.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        aside = temporary.with_name(f"{temporary.name}.old")
        with suppress(FileNotFoundError):  # another process has moved it
            folder.replace(aside)
        if (aside / RESULT).is_file():  # no earlier failure: another process was faster
            temporary, aside, error = aside, temporary, None
        shutil.rmtree(aside, ignore_errors=True)
    raise OSError(errno.EEXIST, "its name is always taken", str(folder))


class _Execution:
    """A run while it is executed."""

    def __init__(self, run: Run) -> None:
        """Learn and play."""
        torch.set_num_threads(1)
        self.run = run
        self.contestant: Contestant = CONTESTANTS[run.contestant]
        self.envs = _make_evaluation(run)
        self.anchors = {
            "random": float(self._play(RandomAgent(0)).gain.mean()),
            "greedy": float(self._play(GreedyAgent(self.envs)).gain.mean()),
        }
        self.curve: list[dict[str, Any]] = []
        self.seconds: list[float] = []
        env = self.contestant.make_env(run.env, nucleus=run.nucleus)
        env.seed(run.seed)
        model = self.contestant.make(env, run.seed)
        self.played = 0.0
        start = time.monotonic()
        if self.contestant.learns:
            watcher = _Watcher(self, start)
            model.learn(run.timesteps, callback=watcher)
            self.steps = model.num_timesteps
        else:
            self.steps = 0
        self.seconds_learning = time.monotonic() - start - self.played
        agent = self.contestant.play(model, self.envs)
        self.stats = self._play(agent)
        self.note(self.stats, self.steps, self.seconds_learning)

    def write(self, folder: Path) -> None:
        """Write figures, times and images; the figures last."""
        chosen = slice(0, SHOWN)
        save_file(
            {"goal": self.stats.goal[chosen], "image": self.stats.image[chosen]}, folder / IMAGES
        )
        write_json(
            folder / TIMING,
            {
                "seconds": self.seconds,
                "steps_per_second": self.steps / max(self.seconds_learning, 1e-9),
                "peak_memory_bytes": read_peak(),
                "machine": describe_machine(),
                "versions": find_versions(),
            },
        )
        result = {"run": self.run.to_json(), "anchors": self.anchors, "curve": self.curve}
        write_json(folder / RESULT, {**result, "gain": self.stats.gain.tolist()})

    def note(self, stats: EpisodeStats, steps: int, seconds: float) -> None:
        """Add a point to the learning curve."""
        gain = float(stats.gain.mean())
        horizon = self.envs.config.horizon
        self.seconds.append(seconds)
        self.curve.append(
            {
                "steps": steps,
                "return": float(stats.returns.mean()),
                "gain": gain,
                "score": float(normalise(gain, **self.anchors)),
                "success": float(stats.success.mean()),
                "invalid_rate": float(stats.invalid_actions.mean() / horizon),
            }
        )

    def watch(self, model: Any, start: float) -> None:
        """Let a model play in the middle of its learning."""
        now = time.monotonic()
        stats = self._play(self.contestant.play(model, self.envs))
        self.note(stats, model.num_timesteps, now - start - self.played)
        self.played += time.monotonic() - now

    def _play(self, agent: Any) -> EpisodeStats:
        """Play the episodes of an evaluation; what has learned nothing draws as it does."""
        learned = self.contestant.learns
        return evaluate_agent(agent, self.envs, self.run.episodes, EVALUATION_SEED, learned)


class _Watcher(BaseCallback):
    """Lets the model play at regular steps."""

    def __init__(self, execution: _Execution, start: float) -> None:
        """Note the run."""
        super().__init__()
        self.execution = execution
        self.start = start
        self.next = 0

    def _on_step(self) -> bool:
        """Let learning go on."""
        return True

    def _on_rollout_start(self) -> None:
        """Play if it is time."""
        run = self.execution.run
        if self.num_timesteps >= self.next:
            self.execution.watch(self.model, self.start)
            self.next += max(run.timesteps // run.evaluations, 1)


def _make_evaluation(run: Run) -> GCGenVectorEnv:
    """Make the environments that everyone plays in: pixels, test images, potential reward."""
    envs = gym.make_vec(
        run.env,
        num_envs=min(run.episodes, 64),
        split="test",
        nucleus=run.nucleus,
        autoreset_mode="Disabled",
    )
    assert isinstance(envs, GCGenVectorEnv)
    return envs
