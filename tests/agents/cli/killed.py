"""Commands that die at a chosen file operation, as a process dies of SIGKILL: nothing runs after.

Python's audit events tell of every file that is opened for writing, moved, removed or made; the
flushes to the disk are patched. At a flush, half of the file is lost, as in a power cut.
"""

import contextlib
import hashlib
import os
import sys
from pathlib import Path

import torch

from agents.cli import session
from agents.cli.main import main
from agents.cli.run_folder import RunFolder
from agents.gcgen import validation_watch
from agents.gcgen.callbacks import TimedCheckpoint
from gcgen_env.storage import load_container

KILLED = 99
"""Exit code of a process that died at the chosen operation."""
TINY = (
    *("--n-envs", "8", "--width", "8", "--depth", "1", "--horizon", "2", "--num-proposals", "4"),
    *("--device", "cpu", "--threads", "1", "--timesteps", "48"),
)
"""Options of a run of three rounds that takes a fraction of a second."""
torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # imports for seconds: once for all
_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Death:
    """Counts the file operations in a folder, and ends the process at a chosen one."""

    def __init__(self, folder, limit):
        """Die at operation number `limit`, counted from 0."""
        self.folder, self.left = os.path.realpath(folder), limit
        self.flush = os.fsync

    def arm(self):
        """Begin to count; it cannot be undone."""
        sys.addaudithook(self.hear)
        os.fsync = self.lose_half

    def hear(self, event, args):
        """Handle an audit event."""
        if event in _EVENTS and isinstance(args[0], str | bytes | os.PathLike):
            is_write = event != "open" or bool(args[2] & _WRITING)
            if is_write and os.path.realpath(os.fsdecode(args[0])).startswith(self.folder):
                self.count()

    def lose_half(self, descriptor):
        """Stand in for `os.fsync`."""
        if self.left == 0 and os.path.isfile(f"/proc/self/fd/{descriptor}"):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        self.count()
        self.flush(descriptor)

    def count(self):
        """Count one operation."""
        if self.left == 0:
            os._exit(KILLED)
        self.left -= 1


def start(*words, folder=None, limit=None):
    """Run a command in a process of its own, with a checkpoint in each round.

    Returns:
        The number of the process, and a file of what it prints.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, open(reader)
    code = 1
    try:
        os.close(reader)
        _shrink()
        with open(writer, "w") as text, contextlib.redirect_stderr(text):
            with contextlib.redirect_stdout(text):
                if limit is not None:
                    Death(folder, limit).arm()
                code = main([str(word) for word in words])
    finally:
        os._exit(code)


def run(*words, folder=None, limit=None):
    """Run a command to its end; return its exit code, `KILLED` if it died, and what it printed."""
    pid, output = start(*words, folder=folder, limit=limit)
    with output:
        printed = output.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), printed


def _shrink():
    """Make the commands of this process quick."""
    torch.set_num_threads(1)
    session.TEST_IMAGES, session.GOALS = 4, 2
    validation_watch.find_interval = lambda num, batch_size: 1
    validation_watch.MOST_IMAGES = 4
    session.write_samples = lambda model, path: path.write_bytes(b"picture")
    session.write_trajectories = session.write_samples
    session.write_reconstructions = lambda model, images, path: path.write_bytes(b"picture")
    session.TimedCheckpoint = lambda save: TimedCheckpoint(save, seconds=1e-9)


def train(path, *options):
    """Train a run to its end; return the digest of its weights."""
    code, printed = run("train", "--out", path, *TINY, *options)
    assert code == 0, printed
    return digest(path)


def digest(path):
    """Return a hash of all weights and optimiser states of a run, and its counters."""
    document, tensors = load_container(RunFolder(Path(path)).model, "gcgen")
    found = hashlib.sha256(repr(document["counters"]).encode())
    for name in sorted(tensors):
        found.update(name.encode() + tensors[name].numpy().tobytes())
    return found.hexdigest()
