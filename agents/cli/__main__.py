"""Starts `gcgen` as `python -m agents.cli`, which `torchrun` needs."""

import gc
import os
import sys

from agents.cli.main import main

if __name__ == "__main__":
    sys.argv[0] = "gcgen"  # the command that a run records
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # read as torch is imported
    code = main()
    gc.freeze()  # else Python's exit looks through all objects of torch: more than a second
    sys.exit(code)
