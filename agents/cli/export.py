"""`gcgen export`: write the S-agent of a run as a small file that says where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from agents.cli.models import load_model, take_split
from agents.cli.run_folder import RunFolder
from agents.common.provenance import find_versions
from gcgen_env.model.build import make_dataset
from gcgen_env.model.s_agent import SAgent


@dataclass(frozen=True)
class Export:
    """Write a trained S-agent with its training command, data hash and bound.

    The bound is measured on the file as it is loaded again, float16 rounding included.
    """

    run_folder: Path
    """A folder written by `gcgen train`."""
    out: Path = Path("s_agent.safetensors")
    """The file: what `proposer=` takes."""
    half: bool = True
    """Store the weights as float16."""
    seed: int = 0
    """Of the binarisation and the paths of the bound."""
    data_dir: Path | None = None
    """Folder of the data files, if they have moved."""

    def run(self) -> int:
        """Run the command; returns its exit code."""
        folder = RunFolder(self.run_folder)
        model = load_model(folder.model, "cpu")
        assert model.env_config is not None
        model.s_agent.save(self.out, half=self.half)
        model.s_agent = SAgent.load(self.out)
        images = take_split(model, "test", data_dir=self.data_dir)
        report = model.evaluate_nll(images, seed=self.seed)
        config = model.env_config
        if self.data_dir is not None:
            config = replace(config, data_dir=str(self.data_dir))
        train = make_dataset(config, "train")
        settings = folder.read_config()
        model.s_agent.save(
            self.out,
            half=self.half,
            dataset=train.name,
            data_sha256=train.digest(),
            split="train",
            command=settings["command"],
            seed=model.seed,
            updates=model._n_updates,
            bound=f"{report} of the test split",
            bound_nats=report.nll,
            look_ahead=model.policy.selection.look_ahead,
            versions=find_versions(),
        )
        print(f"wrote {self.out}, {self.out.stat().st_size / 1e6:.1f} MB: {report}")
        return 0
