"""The console script `gcgen`: runs one command, and reports mistakes in one sentence."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any

import tyro

from agents.cli.benchmark import Benchmark
from agents.cli.checks import InputError
from agents.cli.evaluate import Evaluate
from agents.cli.export import Export
from agents.cli.info import Info
from agents.cli.interrupts import EXIT_CODE, handle_signals
from agents.cli.reconstruct import Reconstruct
from agents.cli.sample import Sample
from agents.cli.train import Train
from gcgen_env.model.sampling import TrainingDiverged

ERROR_CODE = 2
"""Exit code of a command that failed for a reason that the user can change."""

Command = Train | Sample | Reconstruct | Evaluate | Export | Benchmark | Info


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Mistakes in the input, errors of the file system and a diverged training are reported in one
    sentence; any other exception is a bug and keeps its traceback.

    Args:
        argv: Arguments; None for those of the process.

    Returns:
        The exit code: 0 after success, 1 if runs of a benchmark failed, 2 after an error, 130
        after Ctrl-C or SIGTERM.
    """
    command: Any = tyro.cli(
        Command,
        prog="gcgen",
        description="Generative models learned as goal-conditioned reinforcement learning.",
        args=argv,
        config=(tyro.conf.OmitArgPrefixes,),  # --width instead of --s-agent.width
    )
    try:
        with handle_signals(signal.default_int_handler):  # SIGTERM raises, too
            return command.run()
    except KeyboardInterrupt:
        print("gcgen: interrupted", file=sys.stderr)
        return EXIT_CODE
    except (InputError, OSError, TrainingDiverged) as error:
        print(f"gcgen: {describe(error)}", file=sys.stderr)
        return ERROR_CODE


def describe(error: Exception) -> str:
    """Return the message of an error, without the number of a system error."""
    if isinstance(error, OSError) and error.filename is None and error.strerror:
        return error.strerror
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
