"""Runs a function in several processes that are joined by gloo, forked from the tests."""

import os
import pickle
import traceback
from datetime import timedelta

import torch.distributed as dist

from agents.distributed import Ranks

SECONDS = 60


def run_on_ranks(size, function, folder):
    """Call `function(ranks)` in `size` processes; return what each returned.

    Args:
        size: Number of processes.
        function: It may be a closure, as the processes are forked.
        folder: Where the processes meet and leave their results.
    """
    pids = [_fork(rank, size, function, folder) for rank in range(size)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert codes == [0] * size, [_read(folder / f"error{rank}") for rank in range(size)]
    return [pickle.loads((folder / f"result{rank}").read_bytes()) for rank in range(size)]


def join_store(folder, rank, size):
    """Join the processes that meet in a folder."""
    store = dist.FileStore(str(folder / "store"), size)
    dist.init_process_group(
        "gloo", store=store, rank=rank, world_size=size, timeout=timedelta(seconds=SECONDS)
    )
    return Ranks(rank, size)


def _fork(rank, size, function, folder):
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        result = function(join_store(folder, rank, size))
        (folder / f"result{rank}").write_bytes(pickle.dumps(result))
        dist.barrier()
        code = 0
    except BaseException:
        (folder / f"error{rank}").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def _read(path):
    return path.read_text() if path.exists() else None
