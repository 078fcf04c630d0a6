"""Starts `gcgen` as `python -m agents.cli`, which `torchrun` needs."""

import os
import sys

from agents.cli.main import main

if __name__ == "__main__":
    sys.argv[0] = "gcgen"  # the command that a run records
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # read as torch is imported
    sys.exit(main())
