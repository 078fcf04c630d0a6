"""The console script `gcgen`: finds the command, and turns errors into one sentence."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from agents.cli.benchmark import Benchmark
from agents.cli.evaluate import Evaluate
from agents.cli.export import Export
from agents.cli.info import Info
from agents.cli.interrupts import EXIT_CODE, raise_on_sigterm
from agents.cli.reconstruct import Reconstruct
from agents.cli.sample import Sample
from agents.cli.train import Train

ERROR_CODE = 2
"""Exit code of a command that could not do what it was asked."""

Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Sample, tyro.conf.subcommand("sample")]
    | Annotated[Reconstruct, tyro.conf.subcommand("reconstruct")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Benchmark, tyro.conf.subcommand("benchmark")]
    | Annotated[Info, tyro.conf.subcommand("info")]
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The exit code: 0, 2 after an error, 130 after Ctrl-C or SIGTERM.
    """
    command: Any = tyro.cli(
        Command,
        prog="gcgen",
        description="Generative models learned as goal-conditioned reinforcement learning.",
        args=argv,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    try:
        with raise_on_sigterm():
            return command.run()
    except KeyboardInterrupt:
        print("gcgen: interrupted", file=sys.stderr)
        return EXIT_CODE
    except (OSError, ValueError, TypeError) as error:
        if not is_expected(error):
            raise
        print(f"gcgen: {describe(error)}", file=sys.stderr)
        return ERROR_CODE


def is_expected(error: Exception) -> bool:
    """Tell a mistake in the input, which our own checks or the system report, from a bug."""
    if isinstance(error, OSError):
        return True
    *_, (last, _) = traceback.walk_tb(error.__traceback__)
    module = f"{last.f_globals['__name__']}."
    ours = "gcgen_env.datasets." if isinstance(error, TypeError) else ("agents.", "gcgen_env.")
    return module.startswith(ours)


def describe(error: Exception) -> str:
    """Return what an error says, without the number of a system error that has a sentence."""
    if isinstance(error, OSError) and error.filename is None and error.strerror:
        return error.strerror
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
