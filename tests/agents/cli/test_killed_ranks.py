"""Processes of a training that are killed: `torchrun` starts them again."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, median

import psutil
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.agents.cli import ranked, watched
from tests.agents.cli.test_train_together import assert_same, read

ROOT = Path(__file__).parents[3]
KILLS = 20
EARLY = 8
"""How many of the kills come while the processes start."""
WORDS = ("train", "--env", "GCGen-Toggles-v0", *ranked.TINY, "--timesteps", "2560")
"""160 rounds of two updates. This data set imports little."""
PATIENCE = 600.0
"""Seconds in which processes of a busy machine do what takes seconds."""
NOTICE = 25.0
"""Seconds from a kill to new processes. `torchrun` kills those that do not end within 30."""


def launch(path, restarts):
    """Start two processes that train a run with `torchrun`; return its process."""
    command = ("torch.distributed.run", "--standalone", "--nproc-per-node", 2)
    words = (*command, "--max-restarts", restarts, "-m", watched.__name__, *WORDS, "--out", path)
    journal = str(path.with_suffix(".journal"))
    variables = {watched.JOURNAL: journal, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with path.with_suffix(".errors").open("w") as errors:
        return psutil.Popen(
            [sys.executable, "-m", *map(str, words)],
            env=os.environ | variables,
            stderr=errors,
            stdout=subprocess.DEVNULL,
        )


def read_journal(path):
    """Return the lines of the journal of a run; see `watched.note`."""
    file = path.with_suffix(".journal")
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def read_curve(path):
    """Return the bounds of each row of the log, by timesteps: one unless it was written again."""
    curve = {}
    for folder in sorted((path / "tb").iterdir()):
        events = EventAccumulator(str(folder)).Reload()
        for event in events.Scalars("train/nll"):
            curve.setdefault(event.step, set()).add(event.value)
    return curve


def wait_until(condition, agent, seconds=PATIENCE):
    """Wait for a condition while `torchrun` works; return whether it holds."""
    end = time.monotonic() + seconds
    while not (found := condition()) and agent.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    return found


class Killer:
    """Kills workers of `torchrun`, and records when it did so."""

    def __init__(self, agent, path, draw):
        """Prepare to kill the workers of a run; `draw` is a random generator."""
        self.agent, self.path, self.draw = agent, path, draw
        self.known, self.kills, self.noticed = set(), [], []

    def count(self):
        """Return how many updates the present processes have made; -1 before they train."""
        journal, last = read_journal(self.path), self.kills[-1] if self.kills else 0.0
        begun = [num for when, what, num, _ in journal if what == "goes on" and when > last]
        return journal[-1][2] - begun[0] if begun else -1

    def workers(self):
        """Return the processes that `torchrun` has started after the last kill: two or none."""
        found = [each for each in self.agent.children() if each.pid not in self.known]
        return found if len(found) == 2 else []

    def kill(self, is_early):
        """Kill one of two new workers at a random moment."""
        workers = wait_until(self.workers, self.agent)
        assert workers, "torchrun starts no processes: " + self.errors()
        if self.kills:
            self.noticed.append(time.time() - self.kills[-1])
        if is_early:
            wait_until(lambda: self.count() >= 0, self.agent, self.draw.uniform(0.0, 12.0))
        else:
            wanted = self.draw.choice((0, 1, 2, 3, 5, 8))
            assert wait_until(lambda: self.count() >= wanted, self.agent), self.errors()
            time.sleep(self.draw.uniform(0.0, 0.3))
        self.known |= {each.pid for each in workers}
        victim = self.draw.choice(workers)
        self.kills.append(time.time())
        victim.kill()

    def errors(self):
        """Return what the processes have printed."""
        return self.path.with_suffix(".errors").read_text()


def measure(journal, kills):
    """Return for each kill: updates lost, seconds until training goes on, processor time of that.

    A kill before training goes on has none of them.
    """
    figures = []
    begins = [i for i, line in enumerate(journal) if line[1] == "goes on"]
    for kill, following in zip(kills, [*kills[1:], float("inf")], strict=True):
        after = [i for i in begins if kill < journal[i][0] < following]
        if not after:
            continue
        when, _, begun, seconds = journal[after[0]]
        earlier = journal[: after[0]]
        done = max((num for _, _, num, _ in earlier), default=0)
        saved = max((num for _, what, num, _ in earlier if what == "has saved"), default=0)
        assert saved <= begun <= done  # the last checkpoint, or one that was not yet noted
        figures.append((done - begun, when - kill, seconds))
    return zip(*figures, strict=True)


@pytest.mark.slow
def test_twenty_kills_at_random_moments(tmp_path):
    """The run ends, and is the run that was never disturbed."""
    whole, path, draw = tmp_path / "whole", tmp_path / "run", random.Random(0)
    assert launch(whole, 0).wait(PATIENCE) == 0
    agent = launch(path, KILLS)
    killer = Killer(agent, path, draw)
    moments = [True] * EARLY + [False] * (KILLS - EARLY)
    draw.shuffle(moments)
    try:
        for is_early in moments:
            killer.kill(is_early)
        assert agent.wait(PATIENCE) == 0, killer.errors()
    finally:
        for each in (*agent.children(), agent) if agent.is_running() else ():
            each.kill()
    lost, seconds, cpu = measure(read_journal(path), killer.kills)
    print(f"new processes after {median(killer.noticed):.1f} s, at most {max(killer.noticed):.1f}")
    print(
        f"training after {median(seconds):.1f} s, at most {max(seconds):.1f}, {len(seconds)} times"
    )
    print(f"processor time of this in the first process: {median(cpu):.1f} s")
    print(f"updates made again after a kill: {mean(lost):.1f}, at most {max(lost)}")
    assert_same(read(whole), read(path))
    assert max(killer.noticed) < NOTICE
    curve, expected = read_curve(path), read_curve(whole)
    print(f"rows of the log: {len(curve)} of {len(expected)}")
    assert len(expected) == 160
    assert curve == expected
