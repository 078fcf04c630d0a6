"""Starts `gcgen` as `python -m agents.cli`, which `torchrun` needs."""

import sys

from agents.cli.main import main

if __name__ == "__main__":
    sys.argv[0] = "gcgen"  # the command that a run records
    sys.exit(main())
