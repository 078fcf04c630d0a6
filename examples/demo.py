"""Train an agent that draws digits, in three minutes: `python -m examples.demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from agents.cli.session import Budget
from agents.cli.settings import GCAgentSettings
from agents.cli.train import Train, start_session

RAMP = (0.5, 1.1)
"""Warmer at the start than usual, so that the first steps of these small images are used."""


def main(minutes: float = 2.5, out: Path = Path("runs/demo"), seed: int = 0) -> int:
    """Train on scikit-learn's handwritten digits, then draw new ones.

    This is `gcgen train` with few options: it prints the bound on the test digits before and
    after, and leaves the model, pictures and TensorBoard logs in one folder.

    Args:
        minutes: Time to train.
        out: Folder of the run; an earlier one there is overwritten.
        seed: Of the model.

    Returns:
        The exit code; 130 after Ctrl-C, which keeps a checkpoint.
    """
    budget = Budget(minutes, None)
    print(f"training on 8x8 digits for {budget.minutes:g} minutes; Ctrl-C keeps a checkpoint")
    settings = Train(
        env="GCGen-Digits-v0",
        minutes=budget.minutes,
        out=out,
        seed=seed,
        overwrite=True,
        gc_agent=GCAgentSettings(look_ahead=RAMP),
    )
    return start_session(settings).run()


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
