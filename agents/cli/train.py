"""`gcgen train`: train both agents, or continue a run."""

from __future__ import annotations

from dataclasses import dataclass

from agents.cli.checks import check_at_least, reading_input
from agents.cli.settings import TrainSettings


@dataclass(frozen=True)
class Train(TrainSettings):
    """Train GC-agent and S-agent together; Ctrl-C keeps a checkpoint that --resume continues."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.run_folder import RunFolder
        from agents.cli.start_run import resume, start
        from agents.cli.train_together import train_together
        from agents.common.provenance import set_threads
        from agents.distributed.joining import find_place

        with reading_input():
            check_at_least(0, seed=self.seed)
            set_threads(self.threads)
            folder = RunFolder(self.find_path())
            place = find_place()
        if place is not None:
            return train_together(self, folder, place)
        return (start if self.resume is None else resume)(self, folder)
