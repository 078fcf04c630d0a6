"""How much a command says: `--quiet` and `--verbose`, which every command accepts.

Results are printed on stdout. Progress, notes, warnings and errors are printed on stderr.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, arg

Flag = FlagCreatePairsOff[bool]  # no --no-quiet


@dataclass(frozen=True)
class Messages:
    """What is printed besides the results."""

    quiet: Annotated[Flag, arg(aliases=["-q"])] = False
    """Print results and errors only: neither progress nor warnings."""
    verbose: Annotated[Flag, arg(aliases=["-v"])] = False
    """Also print every warning, the libraries' log, and the traceback of an error."""

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Print as requested until the end of the context."""
        if self.quiet:
            with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
                yield  # an error that ends the command is reported after this
        elif self.verbose:
            with warnings.catch_warnings(), logging_to_stderr():
                warnings.simplefilter("default")
                yield
        else:
            yield


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Write what libraries log to stderr, from the level INFO."""
    root, handler = logging.getLogger(), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
