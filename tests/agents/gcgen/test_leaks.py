"""Memory stays flat while a model trains."""

import gc
import os
import time

import psutil
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from agents import GCGen

MEGABYTE = 1 << 20
SECONDS = 60 * float(os.environ.get("GCGEN_LEAK_MINUTES", "2"))
"""Length of the training; CONTRIBUTING names the variable."""


class Memory(BaseCallback):
    """Records the memory of the process, and ends the training after a time."""

    def _on_training_start(self):
        self.start, self.recorded = time.monotonic(), []

    def _on_step(self):
        return time.monotonic() - self.start < SECONDS

    def _on_rollout_end(self):
        gc.collect()
        now = time.monotonic() - self.start
        self.recorded.append((now, psutil.Process().memory_info().rss))


@pytest.mark.slow
def test_training():
    model, memory = GCGen("GCPolicy", "GCGen-Digits-v0", seed=0), Memory()
    model.learn(10**12, callback=memory)
    warm = [rss for seconds, rss in memory.recorded if seconds > SECONDS / 4]
    early, late = (max(part) for part in (warm[: len(warm) // 3], warm[-len(warm) // 3 :]))
    print(f"{(late - early) / MEGABYTE:+.1f} MB in {SECONDS / 60:g} minutes, {len(warm)} updates")
    assert late - early < 8 * MEGABYTE
