"""`gcgen completion`: print the completion script of a shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tyro.conf import Positional


@dataclass(frozen=True)
class Completion:
    """Print a script that completes commands and options in a shell.

    bash: `eval "$(gcgen completion bash)"` in ~/.bashrc.

    zsh: `gcgen completion zsh > ~/.zfunc/_gcgen`, with ~/.zfunc in $fpath before `compinit`.

    fish: `gcgen completion fish > ~/.config/fish/completions/gcgen.fish`.
    """

    shell: Positional[Literal["bash", "zsh", "fish"]]
    """The shell."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.parsing import write_completion  # here, because it imports the commands

        print(write_completion(self.shell), end="")
        return 0
