"""The console script `gcgen`: runs one command, and reports mistakes in one sentence."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from agents.cli.checks import InputError
from agents.cli.commands import read_command
from agents.cli.interrupts import EXIT_CODE, handle_signals

ERROR_CODE = 2
"""Exit code of a command that failed for a reason that the user can change."""
PIPE_CODE = 1
"""Exit code if nobody reads the output any more, as Python and Rich have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Mistakes in the input, errors of the file system and a diverged training are reported in one
    sentence; any other exception is a bug and keeps its traceback.

    Args:
        argv: Arguments; None for those of the process.

    Returns:
        The exit code: 0 after success, 1 if runs of a benchmark failed or the reader of the
        output has gone, 2 after an error, 130 after Ctrl-C or SIGTERM.
    """
    verbose = False
    try:
        with writing_output(), handle_signals(signal.default_int_handler):  # SIGTERM raises, too
            name, words = read_command(sys.argv[1:] if argv is None else argv)
            from agents.cli.launch import run  # here: the help needs none of it
            from agents.cli.parsing import read_request

            command, messages = read_request(name, words)
            verbose = messages.verbose
            with messages.apply():
                return run(command, [name, *words])
    except KeyboardInterrupt:
        print("gcgen: interrupted", file=sys.stderr)
        return EXIT_CODE
    except BrokenPipeError:  # as in `gcgen info | head -1`
        return PIPE_CODE
    except Exception as error:
        if not is_mistake(error):
            raise
        if verbose:
            traceback.print_exception(error)
        print(f"gcgen: {describe(error)}", file=sys.stderr)
        return getattr(error, "exit_code", ERROR_CODE)


@contextmanager
def writing_output() -> Iterator[None]:
    """Replace what a terminal cannot show, and find out at the end whether all was written."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not so if it is closed or replaced
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except BrokenPipeError:
        drop_output()
        raise
    finally:
        try:
            if sys.stdout is not None:  # None if the process was started without one
                sys.stdout.flush()
        except OSError:
            drop_output()
            raise


def drop_output() -> None:
    """Send what is still to be written nowhere, or Python would report it again at its exit."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):  # there is no stdout, or it is no file
        return


def is_mistake(error: Exception) -> bool:
    """Tell whether the user can change what has caused an error."""
    from gcgen_env.model.sampling import TrainingDiverged  # here, because it imports torch

    return isinstance(error, InputError | OSError | TrainingDiverged)


def describe(error: Exception) -> str:
    """Return the message of an error, without the number of a system error."""
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f": {os.fspath(error.filename)!r}"
        return error.strerror + where
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
