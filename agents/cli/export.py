"""`gcgen export`: write the S-agent of a run as a small file that records its origin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agents.cli.checks import reading_input
from agents.cli.models import load_model, load_split, take_split
from agents.cli.run_folder import RunFolder
from agents.common.provenance import find_versions
from gcgen_env.model.s_agent import SAgent


@dataclass(frozen=True)
class Export:
    """Write a trained S-agent with its training command, the hash of its data and its bound.

    The bound is measured on the file as it is loaded again, float16 rounding included.
    """

    run_folder: Path
    """A folder written by `gcgen train`."""
    out: Path = Path("s_agent.safetensors")
    """Where to write the file, which `proposer=` accepts."""
    half: bool = True
    """Store the weights as float16."""
    seed: int = 0
    """Seed of the binarisation and of the paths of the bound."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved since training."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        with reading_input():
            folder = RunFolder(self.run_folder)
            model = load_model(folder.model, "cpu")
            record = folder.read()
            train = load_split(model, "train", self.data_dir)
            images = take_split(model, "test", data_dir=self.data_dir)
        model.s_agent.save(self.out, half=self.half)  # the bound needs the rounded weights
        model.s_agent = SAgent.load(self.out)  # the bound is that of the file
        report = model.evaluate_nll(images, seed=self.seed)
        model.s_agent.save(
            self.out,
            half=self.half,
            dataset=train.name,
            data_sha256=train.digest(),
            split="train",
            command=record.command,
            seed=model.seed,
            updates=model._n_updates,
            bound=f"{report} of the test split",
            bound_nats=report.nll,
            look_ahead=model.policy.selection.look_ahead,
            versions=find_versions(),
        )
        print(f"wrote {self.out}, {self.out.stat().st_size / 1e6:.1f} MB: {report}")
        return 0
