"""`gcgen` as one of the processes that `torchrun` starts; the first one keeps a journal."""

import gc
import json
import os
import sys
import time

from agents import GCGen
from agents.cli import session
from agents.cli.main import main
from agents.gcgen.callbacks import BoundProgressBar, TimedCheckpoint

JOURNAL = "GCGEN_TEST_JOURNAL"
"""Environment variable: the file of the journal."""


def note(what, model):
    """Write a line: the time, what is done, updates so far, seconds of processor time."""
    if os.environ["RANK"] == "0":
        with open(os.environ[JOURNAL], "a") as file:
            print(json.dumps([time.time(), what, model._n_updates, time.process_time()]), file=file)


class Reporter(BoundProgressBar):
    """A progress bar that also writes the journal."""

    def _on_rollout_start(self):
        note("is at", self.model)

    def _on_rollout_end(self):
        note("is at", self.model)


def work(words):
    """Be one of the processes that `torchrun` starts."""
    learn, save = GCGen.learn, session.Session.save

    def learn_and_note(model, *args, **kwargs):
        note("goes on", model)
        return learn(model, *args, log_interval=1, **kwargs)

    def save_and_note(self, is_new=False):
        note("is at", self.model)
        save(self, is_new)
        note("has saved", self.model)

    GCGen.learn, session.Session.save = learn_and_note, save_and_note
    session.BoundProgressBar = Reporter
    session.TimedCheckpoint = lambda save: TimedCheckpoint(save, seconds=0.3)
    code = main(words)
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    work(sys.argv[1:])
