"""`gcgen export`: write the S-agent of a run as a small file that records its origin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.cli.checks import check_seed, reading_input
from agents.cli.outputs import check_output
from agents.common.versions import find_versions


@dataclass(frozen=True)
class Export:
    """Write a trained S-agent as a small file that records its origin.

    Recorded are the training command, the hash of the data and the bound, which is measured on
    the file as it is loaded again, float16 rounding included.
    """

    run_folder: Path
    """A folder written by `gcgen train`, or the model.gcgen in it."""
    out: Path = Path("s_agent.safetensors")
    """Where to write the file, which `proposer=` accepts."""
    overwrite: bool = False
    """Replace the file if it exists."""
    half: bool = True
    """Store the weights as float16."""
    seed: int = 0
    """Seed of the binarisation and of the paths of the bound."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved since training."""

    def run(self) -> int:
        """Run the command; return its exit code."""
        from agents.cli.models import find_model, load_model, load_split, take_split
        from agents.cli.run_folder import RunFolder
        from gcgen_env.model.s_agent import SAgent

        with reading_input():
            check_seed(self.seed)
            folder = RunFolder(self.run_folder)
            check_output(
                self.out, self.overwrite, inputs=[folder.model, folder.best, folder.config]
            )
            record = folder.read()
            model = load_model(find_model(self.run_folder), "cpu")
            train = load_split(model, "train", self.data_dir)
            images = take_split(model, "test", data_dir=self.data_dir)
        with TemporaryDirectory() as folder_of_copy:  # --out is written once, with its bound
            copy = Path(folder_of_copy) / "rounded.safetensors"
            model.s_agent.save(copy, half=self.half)
            model.s_agent = SAgent.load(copy)
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
