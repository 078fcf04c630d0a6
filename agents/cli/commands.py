"""The commands and their summaries; what a command imports is imported when it is chosen."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

from agents.cli.checks import InputError

DESCRIPTION = "Generative models learned as goal-conditioned reinforcement learning."

SUMMARIES = {
    "prepare": "Report what a folder of images holds, and make a data set of it.",
    "train": "Train GC-agent and S-agent together; Ctrl-C keeps a checkpoint.",
    "sample": "Draw images from a trained model, or from a saved S-agent.",
    "guide": "Draw images that fit a class, a part of an image, a small one or another one.",
    "reconstruct": "Draw images above their reconstructions by the two agents.",
    "edit": "Draw edits of an image's code: the rest drawn anew, one choice changed, a walk.",
    "inspect": "Draw a model's first choices, what its steps gain, or the use of its proposals.",
    "compress": "Write images as a file of codes, with or without loss.",
    "decompress": "Read a file of codes with the S-agent that wrote it.",
    "evaluate": "Bound the negative log-likelihood of images, and judge what is drawn.",
    "export": "Write a trained S-agent as a small file that records its origin.",
    "benchmark": "Train every algorithm with every seed, and write tables and figures.",
    "tune": "Choose the hyperparameters of algorithms by as many trials of each.",
    "dataset": "Write episodes of a behaviour policy as a Minari data set.",
    "studio": "Open a page in the browser where one draws with saved models.",
    "info": "List environment ids, data sets, devices and versions.",
    "completion": "Print a script that completes commands and options in a shell.",
}
"""What the help of `gcgen` says about each command, in one line."""

MOST_FOLDERS = 300
"""Largest number of folders in a path."""


class Command(Protocol):
    """A frozen dataclass whose fields are the options of a command."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        ...


def load_command(name: str) -> type[Command]:
    """Import the class of a command: `Sample` of `agents/cli/sample.py` for "sample"."""
    return getattr(import_module(f"agents.cli.{name}"), name.capitalize())


def suggest_command(word: str) -> str:
    """Return a hint for a word that is not a command."""
    near = difflib.get_close_matches(word, SUMMARIES, 1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(SUMMARIES)}"


def read_command(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the name of the command and the words after it.

    Options that stand before the command and belong to every command are moved behind it.

    Raises:
        SystemExit: After --help or --version; with code 2 if there is no such command.
    """
    parser = make_parser()
    given = parser.parse_args(check_words(words))
    if given.version:
        print_versions()
        parser.exit()
    if given.help or given.command is None:
        print(parser.format_help(), end="")  # argparse would ignore that the disk is full
        parser.exit(0 if given.help else 2)
    if given.command not in SUMMARIES:
        parser.error(f"no command {given.command!r}: {suggest_command(given.command)}")
    flags = [f"--{name}" for name in ("quiet", "verbose") if getattr(given, name)]
    return given.command, [*flags, *given.options]


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of everything that stands before the options of a command."""
    commands = "\n".join(f"  {name:12} {summary}" for name, summary in SUMMARIES.items())
    parser = argparse.ArgumentParser(
        "gcgen",
        "%(prog)s [-h] [--version] [-q | -v] COMMAND ...",
        f"{DESCRIPTION}\n\ncommands:\n{commands}",
        "`gcgen COMMAND --help` explains the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this help and exit")
    parser.add_argument("--version", action="store_true", help="print versions and exit")
    parser.add_argument("-q", "--quiet", action="store_true", help="results and errors only")
    parser.add_argument("-v", "--verbose", action="store_true", help="warnings and tracebacks, too")
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("options", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def check_words(words: Sequence[str]) -> Sequence[str]:
    """Return the words of a command line.

    Raises:
        InputError: If a word can be no path: it holds a NUL byte, or bytes that are no UTF-8, or
            is too deep.
    """
    for word in words:
        if word.count("/") > MOST_FOLDERS:  # Python makes folders recursively
            raise InputError(
                f"the argument {word[:20]}... is a path of over {MOST_FOLDERS} folders"
            )
        if "\0" in word:
            raise InputError(f"the argument {word!r} holds a NUL byte, which no path may hold")
        try:
            word.encode()
        except UnicodeEncodeError as error:  # Python keeps such bytes as lone surrogates
            raise InputError(
                f"the argument {word!a} is not valid UTF-8: rename the file or folder"
            ) from error
    return words


def print_versions() -> None:
    """Print the versions of GCGen, Python and the libraries that figures depend on."""
    from agents.common.versions import find_versions

    print("\n".join(f"{name} {version}" for name, version in find_versions().items()))
