"""Reads the options of a command, and how much it shall say; writes completion scripts."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import field, make_dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, NamedTuple

import tyro

from agents.cli.checks import InputError
from agents.cli.commands import SUMMARIES, Command, load_command
from agents.cli.config_file import find_defaults
from agents.cli.messages import Flag, Messages

FEWEST_COLUMNS = 20


class Request(NamedTuple):
    """What the user asks for."""

    command: Command
    """The command with its options."""
    messages: Messages
    """How much it says."""


def read_request(name: str, words: Sequence[str]) -> Request:
    """Parse the options of a command.

    Raises:
        InputError: If two options contradict each other.
        SystemExit: After --help; with code 2 if a word cannot be read.
    """
    defaults = find_defaults(words) if name == "train" else None
    with widening_terminal():
        request = tyro.cli(
            make_request_type(name, defaults),
            prog=f"gcgen {name}",
            description=inspect.cleandoc(load_command(name).__doc__ or ""),
            args=list(words),
            config=(tyro.conf.OmitArgPrefixes,),  # --width instead of --s-agent.width
        )
    if request.messages.quiet and request.messages.verbose:
        raise InputError("choose one of --quiet and --verbose")
    return Request(getattr(request, name), request.messages)


@contextlib.contextmanager
def widening_terminal() -> Iterator[None]:
    """Let tyro believe that the terminal has a few columns: in fewer it never ends a help."""
    before = os.environ.get("COLUMNS")
    if shutil.get_terminal_size().columns < FEWEST_COLUMNS:
        os.environ["COLUMNS"] = str(FEWEST_COLUMNS)
    try:
        yield
    finally:
        if before is not None:
            os.environ["COLUMNS"] = before
        else:
            os.environ.pop("COLUMNS", None)


def make_request_type(name: str, defaults: Command | None = None) -> Any:
    """Return a dataclass of a command's options and of those that every command has."""
    command: Any = load_command(name)
    hint = Annotated[command, tyro.conf.arg(help="")]  # the class is explained above the options
    options: Any = (name, hint) if defaults is None else (name, hint, defaults)
    messages = ("messages", Messages, field(default_factory=Messages))
    return make_dataclass(name.capitalize(), [options, messages])


def write_completion(shell: str) -> str:
    """Return the script that completes commands and options in a shell."""
    commands: list[Any] = [
        Annotated[make_request_type(name), tyro.conf.subcommand(name, description=summary)]
        for name, summary in SUMMARIES.items()
    ]
    options: list[Any] = [("command", reduce(or_, commands)), ("version", Flag, False)]
    script = io.StringIO()
    with contextlib.redirect_stdout(script), contextlib.suppress(SystemExit):  # how tyro ends
        tyro.cli(
            make_dataclass("Options", options),
            prog="gcgen",
            args=["--tyro-write-completion", shell, "-"],
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
        )
    return script.getvalue()
