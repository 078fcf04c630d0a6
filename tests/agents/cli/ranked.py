"""`gcgen` in several processes with the environment variables that `torchrun` sets."""

import os
import socket

import torch

from agents.cli import train_together  # noqa: F401  here: it is imported once for all processes
from agents.distributed import joining
from tests.agents.cli.forked import Forked

TINY = (
    *("--n-envs", "8", "--batch-size", "4", "--width", "8", "--depth", "1", "--horizon", "2"),
    *("--num-proposals", "4", "--device", "cpu", "--threads", "1"),
)
"""Options of a run whose update takes milliseconds."""
torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports for seconds: once for all


def find_port():
    """Return a port that is free."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def start(rank, size, port, *words, is_watched=False, prepare=lambda: None):
    """Start the process of a rank; `prepare` is called in it before the command."""

    def become_rank():
        os.environ.update(
            RANK=str(rank),
            WORLD_SIZE=str(size),
            LOCAL_RANK=str(rank),
            LOCAL_WORLD_SIZE=str(size),
            MASTER_ADDR="localhost",
            MASTER_PORT=str(port),
        )
        if is_watched:
            os.environ["TORCHELASTIC_RUN_ID"] = "test"
        prepare()

    return Forked(*words, prepare=become_rank)


def run(*words, size=2, others=None, prepare=lambda rank: None, is_watched=False):
    """Run a command in several processes to its end.

    Args:
        *words: The command of the first process.
        size: The number of processes.
        others: The command of the others; None if it is the same.
        prepare: Called in each process with its rank.
        is_watched: Whether an agent of `torchrun` would start them again.

    Returns:
        The exit code, stdout and stderr of each process.
    """
    port = find_port()
    started = [
        start(
            rank,
            size,
            port,
            *(words if rank == 0 or others is None else others),
            is_watched=is_watched,
            prepare=lambda rank=rank: prepare(rank),
        )
        for rank in range(size)
    ]
    printed = [process.communicate(120) for process in started]
    return [(each.returncode, *text) for each, text in zip(started, printed, strict=True)]


def make_impatient():
    """Let a process wait for the others for a second."""
    joining.PRESENCE = 1.0
