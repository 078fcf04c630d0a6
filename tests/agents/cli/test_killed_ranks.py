"""Processes of a training that are killed: the agent of `torchrun` starts them again."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from agents import GCGen
from agents.cli.main import main
from agents.cli.run_folder import RunFolder
from tests.agents.cli import ranked
from tests.agents.cli.test_train_together import assert_same, read, save_always

ROOT = Path(__file__).parents[3]
KILLS = 20
LONG = ("--timesteps", "1280")
"""80 rounds, of 160 updates."""


def work(words):
    """Be one of the processes that the agent starts."""
    save_always()
    learn = GCGen.learn
    GCGen.learn = lambda *args, **kwargs: learn(*args, log_interval=1, **kwargs)
    if code := main(words):
        sys.exit(code)


def launch(path, restarts):
    """Start two processes that train a run, and their agent; return its process."""
    words = [str(word) for word in ("train", *ranked.TINY, *LONG, "--out", path)]
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id=path.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=restarts,
    )
    pid = os.fork()
    if pid:
        return psutil.Process(pid)
    code = 1
    try:
        os.environ["PYTHONPATH"] = str(ROOT)
        # A command, as for users: a killed process of a function may hold a lock of its agent.
        elastic_launch(config, sys.executable)("-m", __name__, *words)
        code = 0
    finally:
        os._exit(code)


def wait_for_updates(path, num, agent):
    """Wait until the checkpoint of a run has a number of updates more than now."""

    def count():
        return read(path)[1]["n_updates"] if RunFolder(path).has_run else 0

    wanted = count() + num
    while count() < wanted and agent.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.05)


def read_curve(path):
    """Return the bounds of each row of the log, by timesteps: one unless it was written again."""
    curve = {}
    for folder in sorted((path / "tb").iterdir()):
        events = EventAccumulator(str(folder)).Reload()
        for event in events.Scalars("train/nll"):
            curve.setdefault(event.step, set()).add(event.value)
    return curve


@pytest.mark.slow
def test_twenty_kills_at_random_moments(tmp_path):
    """The run ends, and is the run that was never disturbed."""
    whole, path, draw, kills = tmp_path / "whole", tmp_path / "run", random.Random(0), 0
    assert launch(whole, 0).wait() == 0
    agent = launch(path, KILLS)
    while kills < KILLS:
        wait_for_updates(path, draw.choice((0, 0, 1, 3, 5, 7)), agent)
        time.sleep(draw.uniform(0.0, 1.0))
        workers = agent.children()
        if len(workers) == 2:
            victim = draw.choice(workers)
            victim.send_signal(signal.SIGKILL)
            kills += 1
            victim.wait(600)  # the agent has seen it; on a busy machine that takes minutes
    assert agent.wait() == 0
    assert kills == KILLS
    assert_same(read(whole), read(path))
    curve, expected = read_curve(path), read_curve(whole)
    assert len(expected) == 80
    assert len(curve) >= 10  # a kill loses the rows that TensorBoard has not yet written
    assert {step: expected[step] for step in curve} == curve


if __name__ == "__main__":
    work(sys.argv[1:])
